// One call of a handler: its context, and the ways in which handlers answer.
import { errorDocument } from "./errors.mjs";

let whenIdle;
// Emitted when nothing is left that could go on by itself: no timer, no request, no open connection.
process.on("beforeExit", () => {
  const resolve = whenIdle;
  whenIdle = undefined;
  resolve?.();
});

/**
 * Call `handler` and return what it answers: by the promise that it returns, by its callback or by the context's
 * done, succeed and fail; the first counts. A callback's answer waits until the event loop is empty, unless
 * `callbackWaitsForEmptyEventLoop` is false. A handler that leaves an empty event loop without an answer gives null.
 */
export function callHandler(handler, invocation) {
  return new Promise((resolve, reject) => {
    whenIdle = () => resolve(null);
    const answer = makeAnswers(resolve, reject);
    const context = makeContext(invocation, answer);
    const callback = (error, value) => answer.callback(error, value, context.callbackWaitsForEmptyEventLoop);
    const returned = handler(JSON.parse(invocation.body.toString("utf8")), context, callback);
    if (typeof returned?.then === "function") returned.then(resolve, reject);
  }).finally(() => {
    whenIdle = undefined;
  });
}

function makeAnswers(resolve, reject) {
  let isGiven = false;
  const done = (error, value) => (isFailure(error) ? reject(error) : resolve(value));
  return {
    callback(error, value, waits) {
      if (isGiven) return;
      isGiven = true;
      if (waits && !isFailure(error)) whenIdle = () => resolve(value);
      else done(error, value);
    },
    done,
    succeed: (value) => resolve(value),
    fail: (error) => reject(isFailure(error) ? error : "handled"),
  };
}

function isFailure(error) {
  return error !== undefined && error !== null;
}

function makeContext(invocation, { done, succeed, fail }) {
  const { env } = process;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parse(invocation.clientContext),
    identity: parse(invocation.identity),
    invokedFunctionArn: invocation.arn,
    awsRequestId: invocation.id,
    getRemainingTimeInMillis: () => invocation.deadline - Date.now(),
    done,
    succeed,
    fail,
  };
}

function parse(text) {
  return text ? JSON.parse(text) : undefined;
}

/** Return the JSON text of what a handler answered; nothing at all becomes null. */
export function serialise(value) {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    const { errorMessage } = errorDocument(error);
    throw new Error(`Unable to stringify response body: ${errorMessage}`, { cause: error });
  }
}
