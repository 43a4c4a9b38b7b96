// A client of the Lambda Runtime API (2018-06-01).
import { Agent, request } from "node:http";

const BASE = "/2018-06-01/runtime";
const JSON_TYPE = { "Content-Type": "application/json" };

/** Speaks for one environment; `address` is the value of AWS_LAMBDA_RUNTIME_API, host and port. */
export class RuntimeApi {
  #host;
  #port;
  // An idle connection is not referenced by the event loop, so that an empty loop can be told during an invocation.
  #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(address) {
    const colon = address.lastIndexOf(":");
    this.#host = address.slice(0, colon).replace(/^\[|\]$/g, "");
    this.#port = Number(address.slice(colon + 1));
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
    const data = text === undefined ? undefined : Buffer.from(text);
    const options = {
      method,
      host: this.#host,
      port: this.#port,
      path: BASE + path,
      agent: this.#agent,
      headers: data === undefined ? headers : { ...JSON_TYPE, "Content-Length": data.length, ...headers },
    };
    return new Promise((resolve, reject) => {
      const sent = request(options, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }),
        );
      });
      sent.on("error", reject);
      sent.end(data);
    });
  }
}

function refused(what, status, body) {
  return new Error(`the Runtime API answered ${what} with ${status}: ${body.toString().slice(0, 500)}`);
}

// Node.js reads header values as latin-1.
function utf8(value) {
  return value === undefined ? undefined : Buffer.from(value, "latin1").toString("utf8");
}
