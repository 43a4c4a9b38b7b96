// Lets `import` find the modules of layers, as Lambda does from nodejs18.x on; for `require`, Node.js itself looks into
// NODE_PATH. It is registered as a hook (node:module, "Customization hooks") when there are layers.
import path from "node:path";
import { pathToFileURL } from "node:url";

// From the folder beside a node_modules, Node.js looks into it.
const parents = (process.env.NODE_PATH ?? "")
  .split(path.delimiter)
  .filter((folder) => path.basename(folder) === "node_modules")
  .map((folder) => pathToFileURL(path.join(path.dirname(folder), "layer.mjs")).href);

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (error?.code !== "ERR_MODULE_NOT_FOUND" || !isPackage(specifier)) throw error;
    return resolveInLayers(specifier, context, next, error);
  }
}

async function resolveInLayers(specifier, context, next, missing) {
  for (const parentURL of parents) {
    try {
      return await next(specifier, { ...context, parentURL });
    } catch (error) {
      if (error?.code !== "ERR_MODULE_NOT_FOUND") throw error;
    }
  }
  throw missing;
}

function isPackage(specifier) {
  return !/^(?:\.{0,2}\/|[a-z][a-z+.-]*:)/i.test(specifier);
}
