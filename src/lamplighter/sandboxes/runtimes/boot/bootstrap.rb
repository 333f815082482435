# Start of a Ruby runtime: AWS's runtime interface client, unmodified, for the handler named on the command line.
# The gem's own command wants a Gemfile, which functions in a zip file do not have, hence this file.
Dir.chdir(ENV.fetch('LAMBDA_TASK_ROOT', '/var/task'))
require_relative 'aws_lambda_ric/lib/aws_lambda_ric/bootstrap'

Bootstrap.start
