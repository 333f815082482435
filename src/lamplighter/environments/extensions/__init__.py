"""Extensions: processes and threads beside the runtime that take part in the life of their execution environment."""
