// A connection to the Runtime API, and as much of HTTP as is spoken there: each answer has a Content-Length. node:http takes
// half a millisecond of processor time more for an invocation, and functions would be billed for it.
import { connect } from "node:net";

const END_OF_HEAD = "\r\n\r\n";

/** Asks one thing after the other; it is made with the first request, and made anew when it is lost. */
export class Connection {
  #host;
  #port;
  #socket;
  // Settles the request under way.
  #waiting;
  #turn = Promise.resolve();
  #parts = [];
  #size = 0;
  #head;

  constructor(host, port) {
    this.#host = host;
    this.#port = port;
  }

  /** Send a request, a body along if there is one; resolves to {status, headers, body}. Header names are in lower case. */
  ask(method, path, headers, body) {
    const answer = this.#turn.then(() => this.#send(method, path, headers, body));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  #send(method, path, headers, body) {
    const lines = [`${method} ${path} HTTP/1.1`, `Host: ${this.#host}:${this.#port}`];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket ??= this.#open();
      this.#socket.ref();
      this.#socket.cork();
      this.#socket.write(lines.join("\r\n") + END_OF_HEAD, "latin1");
      if (body !== undefined) this.#socket.write(body);
      this.#socket.uncork();
    });
  }

  #open() {
    const socket = connect({ host: this.#host, port: this.#port });
    socket.setNoDelay(true);
    socket.on("data", (part) => this.#take(part));
    socket.on("error", (error) => this.#lose(socket, error));
    socket.on("close", () => this.#lose(socket, new Error("the Runtime API closed the connection")));
    return socket;
  }

  #lose(socket, error) {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    socket.destroy();
    this.#finish()?.reject(error);
  }

  #take(part) {
    this.#parts.push(part);
    this.#size += part.length;
    this.#head ??= this.#readHead();
    if (this.#head === undefined || this.#size < this.#head.end) return;
    const { status, headers, start, end } = this.#head;
    const body = this.#whole().subarray(start, end);
    // An idle connection is not referenced by the event loop, so that an empty loop can be told during an invocation.
    this.#socket.unref();
    this.#finish()?.resolve({ status, headers, body });
  }

  #finish() {
    const waiting = this.#waiting;
    this.#waiting = this.#head = undefined;
    this.#parts = [];
    this.#size = 0;
    return waiting;
  }

  #whole() {
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0];
  }

  #readHead() {
    const length = this.#whole().indexOf(END_OF_HEAD);
    if (length < 0) return undefined;
    const [first, ...lines] = this.#whole().latin1Slice(0, length).split("\r\n");
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const start = length + END_OF_HEAD.length;
    return { status: Number(first.split(" ")[1]), headers, start, end: start + Number(headers["content-length"]) };
  }
}
