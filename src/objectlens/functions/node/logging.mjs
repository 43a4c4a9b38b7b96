// console.* as on Lambda: each call is one line `TIME<TAB>REQUEST ID<TAB>LEVEL<TAB>TEXT`.
import { format } from "node:util";

const LEVELS = { debug: "DEBUG", info: "INFO", log: "INFO", warn: "WARN", error: "ERROR", trace: "TRACE" };

/** Put our functions in the place of the console's; `requestId()` tells which invocation is under way. */
export function installConsole(requestId) {
  const write = process.stdout.write.bind(process.stdout);
  for (const [method, level] of Object.entries(LEVELS)) {
    console[method] = (...values) => {
      // A lone carriage return keeps the lines of one message together, as Lambda writes them.
      const text = format(...values).replace(/\n/g, "\r");
      write(`${new Date().toISOString()}\t${requestId()}\t${level}\t${text}\n`);
    };
  }
}
