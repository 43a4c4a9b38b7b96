// Errors with the names that Lambda's runtime gives them, and their documents.
import { types } from "node:util";

/** Make an error whose name is one of Lambda's `Runtime.*` types. */
export function runtimeError(type, message, cause) {
  const error = new Error(message, { cause });
  error.name = `Runtime.${type}`;
  // Where it went wrong in the function's own files says more than our stack; of bad syntax it stands above the error.
  error.stack = `${error.name}: ${message}\n${cause?.stack ?? ""}`.trimEnd();
  return error;
}

/** Return the document {errorType, errorMessage, trace} of anything that was thrown. */
export function errorDocument(thrown) {
  try {
    if (!isError(thrown)) return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
    return {
      errorType: String(thrown.name),
      errorMessage: String(thrown.message),
      trace: String(thrown.stack ?? "").split("\n"),
    };
  } catch {
    return { errorType: "handled", errorMessage: "what was thrown does not let its name and message be read", trace: [] };
  }
}

/** Return the same as one line of JSON for the log, with the error's own members. */
export function errorLine(thrown) {
  const { errorType, errorMessage, trace } = errorDocument(thrown);
  try {
    const own = isError(thrown) ? { ...thrown } : {};
    delete own.name;
    return JSON.stringify({ errorType, errorMessage, ...own, stack: trace });
  } catch {
    return JSON.stringify({ errorType, errorMessage, stack: trace }); // a member that refers to itself, or cannot be read
  }
}

function isError(value) {
  return types.isNativeError(value) || value instanceof Error;
}
