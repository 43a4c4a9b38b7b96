// ipx as its documentation starts it. Arguments: the folder of node_modules, the folder of photographs, the port.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [modules, folder, port] = process.argv.slice(2);
const { createIPX, createIPXNodeServer, ipxFSStorage } = await import(
  pathToFileURL(`${modules}/ipx/dist/index.mjs`)
);
const ipx = createIPX({ storage: ipxFSStorage({ dir: folder }) });
createServer(createIPXNodeServer(ipx)).listen(Number(port), "127.0.0.1");
