// A client of the Lambda Runtime API (2018-06-01).
import { Connection } from "./connection.mjs";

const BASE = "/2018-06-01/runtime";
const JSON_TYPE = { "Content-Type": "application/json" };

/** Speaks for one environment; `address` is the value of AWS_LAMBDA_RUNTIME_API, host and port. */
export class RuntimeApi {
  #connection;

  constructor(address) {
    const colon = address.lastIndexOf(":");
    const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
    this.#connection = new Connection(host, Number(address.slice(colon + 1)));
  }

  /** Wait for an invocation, however long that takes. */
  async next() {
    const { status, headers, body } = await this.#call("GET", "/invocation/next");
    const id = headers["lambda-runtime-aws-request-id"];
    if (status !== 200 || !id) throw refused("next", status, body);
    return {
      id,
      body,
      deadline: Number(headers["lambda-runtime-deadline-ms"]),
      arn: utf8(headers["lambda-runtime-invoked-function-arn"]),
      traceId: headers["lambda-runtime-trace-id"],
      clientContext: utf8(headers["lambda-runtime-client-context"]),
      identity: utf8(headers["lambda-runtime-cognito-identity"]),
    };
  }

  /** Send what the handler returned, as JSON text. Of one that is too large the service itself tells the caller. */
  async respond(id, text) {
    const { status, body } = await this.#call("POST", `/invocation/${id}/response`, text);
    if (status !== 202 && status !== 413) throw refused("response", status, body);
  }

  /** Send the document of the error that ended an invocation. */
  async fail(id, document) {
    await this.#fail(`/invocation/${id}/error`, document);
  }

  /** Send the document of the error that ended initialisation. */
  async failInit(document) {
    await this.#fail("/init/error", document);
  }

  async #fail(path, document) {
    const type = document.errorType.replace(/[^\x20-\x7e]/g, "?");
    const { status, body } = await this.#call("POST", path, JSON.stringify(document), {
      "Lambda-Runtime-Function-Error-Type": type,
    });
    if (status !== 202) throw refused("error", status, body);
  }

  #call(method, path, text, headers = {}) {
    if (text === undefined) return this.#connection.ask(method, BASE + path, headers);
    const data = Buffer.from(text);
    return this.#connection.ask(method, BASE + path, { ...JSON_TYPE, "Content-Length": data.length, ...headers }, data);
  }
}

function refused(what, status, body) {
  return new Error(`the Runtime API answered ${what} with ${status}: ${body.toString().slice(0, 500)}`);
}

// Header values are read as latin-1.
function utf8(value) {
  return value === undefined ? undefined : Buffer.from(value, "latin1").toString("utf8");
}
