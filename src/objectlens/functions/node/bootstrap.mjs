// The Node.js runtime: loads the handler that _HANDLER names and serves invocations until the process is ended.
import module from "node:module";

import { errorDocument, errorLine, runtimeError } from "./errors.mjs";
import { awslambda, loadHandler, remedy } from "./handler.mjs";
import { callHandler, serialise } from "./invocation.mjs";
import { inJson, installConsole } from "./logging.mjs";
import { RuntimeApi } from "./runtime-api.mjs";

const { AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT, _HANDLER } = process.env;
const exit = process.exit.bind(process);
const api = new RuntimeApi(AWS_LAMBDA_RUNTIME_API);

// Where the process stands: loading, then between invocations (neither), or in one.
let isLoading = true;
let requestId;
let isEnding = false;
// The answer that is on its way.
let sending = Promise.resolve();
const never = new Promise(() => {});

installConsole(() => requestId);
const log = console.error;

function complain(title, error) {
  try {
    const advice = remedy(error);
    if (advice) log(advice);
    log(title, inJson() ? error : errorLine(error));
  } catch {
    log(title, errorLine(error)); // what was thrown throws when it is looked at
  }
}

// What nobody caught ends the environment, and whatever is under way with it.
async function end(title, error, code) {
  complain(title, error);
  if (isEnding) return never; // the first one is being reported
  isEnding = true;
  const id = requestId;
  requestId = undefined;
  try {
    await sending;
    if (id !== undefined) await api.fail(id, errorDocument(error));
    else if (isLoading) await api.failInit(errorDocument(error));
  } finally {
    exit(code);
  }
}

process.on("uncaughtException", (error) => end("Uncaught Exception", error, 129));
process.on("unhandledRejection", (reason) => {
  const { errorType, errorMessage, trace } = errorDocument(reason);
  const message = trace.length > 0 ? `${errorType}: ${errorMessage}` : errorMessage;
  end("Unhandled Promise Rejection", runtimeError("UnhandledPromiseRejection", message, reason), 128);
});

async function serve(handler, invocation) {
  requestId = invocation.id;
  if (invocation.traceId === undefined) delete process.env._X_AMZN_TRACE_ID;
  else process.env._X_AMZN_TRACE_ID = invocation.traceId;
  const answer = await callHandler(handler, invocation).then(serialise).then(
    (text) => () => api.respond(invocation.id, text),
    (error) => {
      complain("Invoke Error", error);
      return () => api.fail(invocation.id, errorDocument(error));
    },
  );
  if (isEnding) return never; // with an answer of its own
  requestId = undefined;
  await (sending = answer());
}

async function main() {
  globalThis.awslambda = awslambda;
  // Node.js before 18.19 has no such hooks: there, modules of layers are for require.
  if (process.env.NODE_PATH) module.register?.("./layers.mjs", import.meta.url);
  let handler;
  try {
    handler = await loadHandler(LAMBDA_TASK_ROOT, _HANDLER);
  } catch (error) {
    await end("Uncaught Exception", error, 1);
  }
  // What a module leaves rejected is told once its promises have had their turn, and is an error of loading it.
  await new Promise((resolve) => setImmediate(resolve));
  isLoading = false;
  for (;;) await serve(handler, await api.next());
}

main().catch((error) => {
  // The service is gone, or it answered what no Runtime API answers.
  log("The runtime ends:", String(error));
  exit(1);
});
