// From the text `dir/file.export` to a function.
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { runtimeError } from "./errors.mjs";

const MISSING = new Set(["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"]);
const NEEDS_IMPORT = new Set(["ERR_REQUIRE_ESM", "ERR_REQUIRE_ASYNC_MODULE"]);
const STREAMING = Symbol("streaming");

/** Load the handler that `name` names under the folder `root`; throws errors of Lambda's `Runtime.*` types. */
export async function loadHandler(root, name) {
  const { file, exports } = parse(name);
  const module = await loadModule(root, file);
  const handler = exports.split(".").reduce((value, key) => value?.[key], module);
  if (handler === undefined || handler === null) {
    throw runtimeError("HandlerNotFound", `${name} is undefined or not exported`);
  }
  if (typeof handler !== "function") throw runtimeError("HandlerNotFound", `${name} is not a function`);
  if (handler[STREAMING]) {
    throw runtimeError(
      "InvalidStreamingOperation",
      `${name} streams its response (awslambda.streamifyResponse), which is not served here: export the handler itself, ` +
        "and send large answers with WriteGetObjectResponse",
    );
  }
  return handler;
}

/**
 * The global `awslambda`, so that modules that use it load; their handlers are declined by `loadHandler`. It stays
 * open to additions: the AWS SDK keeps things of its own there.
 */
export const awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMING]: true }),
  HttpResponseStream: {
    from() {
      throw runtimeError("InvalidStreamingOperation", "awslambda.HttpResponseStream is not served here");
    },
  },
};

// The file is all up to the first dot of the last part; what follows is the path through its exports.
function parse(name) {
  const base = path.posix.basename(name);
  const dot = base.indexOf(".");
  if (name.includes("..")) {
    throw runtimeError("MalformedHandlerName", `'${name}' is not a valid handler name: it must not contain '..'`);
  }
  if (dot < 0) throw runtimeError("MalformedHandlerName", `Bad handler ${name}: it must be FILE.EXPORT`);
  return { file: name.slice(0, name.length - base.length) + base.slice(0, dot), exports: base.slice(dot + 1) };
}

async function loadModule(root, file) {
  const start = path.resolve(root, file);
  try {
    const found = ["", ".js", ".mjs", ".cjs"].find((extension) => isFile(start + extension));
    if (found !== undefined) return await loadFile(root, start + found);
    // Perhaps a folder with an index.js, or a package of the function's.
    const require = createRequire(path.join(root, "handler"));
    return require(existsSync(start) ? start : file);
  } catch (error) {
    throw classified(error);
  }
}

async function loadFile(root, file) {
  const importIt = () => import(pathToFileURL(file).href);
  if (file.endsWith(".mjs") || (file.endsWith(".js") && packageType(root, file) === "module")) return importIt();
  try {
    return createRequire(file)(file);
  } catch (error) {
    if (NEEDS_IMPORT.has(error?.code)) return importIt();
    throw error;
  }
}

function isFile(name) {
  return statSync(name, { throwIfNoEntry: false })?.isFile() === true;
}

// The nearest package.json, within the package, says what a .js file is.
function packageType(root, file) {
  const folder = path.dirname(file);
  const description = path.join(folder, "package.json");
  if (existsSync(description)) return parseDescription(description)?.type;
  return folder === root || folder === path.dirname(folder) ? undefined : packageType(root, folder);
}

function parseDescription(file) {
  try {
    // A byte order mark is no JSON, and Node.js reads over it.
    return JSON.parse(readFileSync(file, "utf8").replace(/^\ufeff/, ""));
  } catch (error) {
    if (error instanceof SyntaxError) error.message = `Error parsing ${file}: ${error.message}`;
    throw error;
  }
}

function classified(error) {
  if (MISSING.has(error?.code)) return runtimeError("ImportModuleError", String(error), error);
  if (error instanceof SyntaxError) return runtimeError("UserCodeSyntaxError", String(error), error);
  return error;
}

/** Return what the user can do about a module that is missing; undefined when that is plain. */
export function remedy(error) {
  const [, name] = /Cannot find (?:module|package) '([^']+)'/.exec(error?.message) ?? [];
  if (name === "aws-sdk") {
    return "aws-sdk (version 2) is not part of the Node.js runtimes from 18 on: put it into the function's package.";
  }
  if (name?.startsWith("@aws-sdk/") || name?.startsWith("@smithy/")) {
    return (
      `${name} is not there: put it into the function's package. The common clients of the SDK (S3, Lambda, STS) come ` +
      "with: objectlens runtime install nodejs (see the setting functions.node_modules)."
    );
  }
  return undefined;
}
