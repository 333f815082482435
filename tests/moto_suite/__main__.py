"""`python -m tests.moto_suite`: a moto server whose stacks make Lambda's resources through the Lambda API."""

from moto.cloudformation.parsing import get_model_map
from moto.server import main

from tests.moto_suite.stack_resources import StackFunction, StackMapping

for kind in (StackFunction, StackMapping):
    get_model_map()[kind.cloudformation_type()] = kind
main()
