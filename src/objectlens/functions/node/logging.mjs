// console.* as on Lambda: each call is one line `TIME<TAB>REQUEST ID<TAB>LEVEL<TAB>TEXT`, or one JSON object where the
// function's log is in JSON, of which levels below the chosen one are left out.
import { format } from "node:util";
import { errorDocument } from "./errors.mjs";

const LEVELS = { trace: "TRACE", debug: "DEBUG", info: "INFO", log: "INFO", warn: "WARN", error: "ERROR" };
const ORDER = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/** Tell whether the function's log is in JSON. */
export const inJson = (env = process.env) => env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";

/** Put our functions in the place of the console's; `requestId()` tells which invocation is under way. */
export function installConsole(requestId, env = process.env) {
  const json = inJson(env);
  const least = json ? ORDER.indexOf(env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()) : 0;
  const line = json ? jsonLine : textLine;
  waitForOutput();
  const write = process.stdout.write.bind(process.stdout);
  for (const [method, level] of Object.entries(LEVELS)) {
    console[method] = (...values) => {
      if (ORDER.indexOf(level) >= least) write(`${line(new Date().toISOString(), requestId(), level, values)}\n`);
    };
  }
}

// Of what does not fit into a pipe, Node.js keeps the rest and writes it later: behind the answer, or, when the process
// ends, never. Both streams may be one pipe, which opening either of them changes: so both are opened first.
function waitForOutput() {
  for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);
}

function textLine(time, requestId, level, values) {
  // A lone carriage return keeps the lines of one message together, as Lambda writes them.
  return `${time}\t${requestId}\t${level}\t${format(...values).replace(/\n/g, "\r")}`;
}

/** Return an object with the one value as it is, or the text of several and the first error among them. */
function jsonLine(timestamp, requestId, level, values) {
  const head = { timestamp, level, requestId };
  if (values.length === 1) {
    try {
      return JSON.stringify({ ...head, message: values[0] }, (_, value) => (value instanceof Error ? told(value) : value));
    } catch {
      // A cycle, or a BigInt: as text, then.
    }
  }
  const error = values.length > 1 ? values.find((value) => value instanceof Error) : undefined;
  return JSON.stringify({ ...head, message: format(...values), ...(error && told(error)) });
}

function told(error) {
  const { errorType, errorMessage, trace } = errorDocument(error);
  return { errorType, errorMessage, stackTrace: trace };
}
