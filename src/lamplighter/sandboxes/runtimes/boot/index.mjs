// Start of a Node.js runtime: AWS's runtime interface client, unmodified, for the handler in _HANDLER: Lambda names none.
// The client's own command line prints a line that Lambda does not print, hence this file.
import { run } from "./node_modules/aws-lambda-ric/dist/index.mjs";

await run(process.env.LAMBDA_TASK_ROOT ?? process.cwd(), process.argv[2] ?? process.env._HANDLER);
