"""Names that vulture cannot see used, each group with its reason. Never executed; see [tool.vulture].

Must stay small: a name belongs here only when something outside our own text uses it.
"""
# ruff: noqa: B018, F821
# mypy: ignore-errors

# httptools and asyncio call protocol methods by name.
on_message_begin
on_url
on_header
on_headers_complete
on_body
on_message_complete
on_chunk_header
on_chunk_complete
connection_made
connection_lost
data_received
eof_received
pause_writing
resume_writing
exc

# http.server calls the handlers of the tests' little servers by name.
do_GET
do_POST
log_message
daemon_threads
protocol_version

# zipfile reads it when it writes an archive.
external_attr

# Members of AWS's error payloads, written by msgspec.
errorType
errorMessage
stackTrace

# The API of virtual time and counted ids, for tests of whatever comes next.
ManualClock.advance
CountedIds

# AWS's quotas are written down in full, those too that the service model itself enforces.
Limits.streamed_response_bytes
Limits.memory_mib_minimum
Limits.ephemeral_mib_minimum

# What policies will be asked about; the seam is there from the start.
RequestContext.source_ip
RequestContext.user_agent

# Hypothesis calls it after each run of a state machine.
teardown

# socketserver reads it.
request_queue_size

# moto calls them when it makes a stack of CloudFormation.
cloudformation_name_type
cloudformation_type
create_from_cloudformation_json
update_from_cloudformation_json
delete_from_cloudformation_json
new_resource_name

# http.server calls and fills them by name.
client_address
do_DELETE
do_HEAD
do_PATCH
do_PUT
args
