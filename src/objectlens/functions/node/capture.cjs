// Leads connections to the names of AWS's services, and to LABEL.ENDPOINT-HOST, to the service that runs the function.
//
// Loaded with --require before anything else, so that worker threads and forked processes have it too. One place sees
// every TCP connection that Node.js opens, whoever asks for it (http, https, fetch, an SDK's own client):
// `net.Socket.prototype.connect`. Only where to connect changes: the name that TLS verifies, the Host header, and with
// it the signature, stay. Nothing else is captured; OBJECTLENS_CAPTURE=0 turns it off.
//
// On AWS an inputS3Url begins with https, and handlers pass it to `https.get`, which takes no other; ours begins with
// http. So `https.request` and `https.get` take URLs of the service, too.
"use strict";

const http = require("node:http");
const https = require("node:https");
const net = require("node:net");
const tls = require("node:tls");
const { syncBuiltinESMExports } = require("node:module");

// The hosts that the service itself tells apart: S3 with its access points and control plane, Lambda, STS, IAM. They
// are those of ../labels.py.
const S3_HOST =
  /^(?:[a-z0-9._-]+\.)?(?:(?:s3|s3-accesspoint|s3-object-lambda|s3-control)(?:-fips)?(?:\.dualstack)?(?:\.[a-z0-9-]+)?|s3-[a-z]{2}-[a-z-]+-[0-9])\.amazonaws\.com(?:\.cn)?$/;
const OTHER_HOST = /^(?:lambda|sts|iam)(?:-fips)?(?:\.dualstack)?(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$/;
const HTTP = 80;
const HTTPS = 443;

function readPlace(text) {
  const url = new URL(text);
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port) || HTTP };
}

function readEndpoint({ OBJECTLENS_CAPTURE, OBJECTLENS_ENDPOINT_URL, OBJECTLENS_TLS_URL }) {
  if (OBJECTLENS_CAPTURE === "0" || !OBJECTLENS_ENDPOINT_URL) return null;
  const plain = readPlace(OBJECTLENS_ENDPOINT_URL);
  // SDKs are told `localhost` in the place of an address in numbers, which takes no labels.
  const names = net.isIP(plain.host) ? [plain.host, "localhost"] : [plain.host];
  return { plain, secure: OBJECTLENS_TLS_URL ? readPlace(OBJECTLENS_TLS_URL) : null, names };
}

function isService(name) {
  return S3_HOST.test(name) || OTHER_HOST.test(name);
}

// Whether a name is the service's own, or a label before it, at the service's port.
function isEndpoint({ plain, names }, name, port) {
  return Number(port) === plain.port && names.some((own) => name === own || name.endsWith(`.${own}`));
}

// Returns where a connection goes instead; null for one that is left alone.
function detour(endpoint, host, port, isSecure) {
  const name = String(host).toLowerCase().replace(/\.$/, "");
  if (isEndpoint(endpoint, name, port)) return isSecure ? endpoint.secure : endpoint.plain;
  if (!isService(name)) return null;
  return { [HTTP]: endpoint.plain, [HTTPS]: endpoint.secure }[port] ?? null;
}

// The forms of Socket.connect: (options, callback), (port, host, callback).
function redirected(endpoint, args, isSecure) {
  const first = args[0];
  if (Array.isArray(first)) {
    // Node's own callers pass [options, callback] in an array that carries a mark: it is changed in place.
    const to = first[0] && detour(endpoint, first[0].host, first[0].port, isSecure);
    if (to) first[0] = { ...first[0], ...to };
    return args;
  }
  if (first !== null && typeof first === "object") {
    const to = detour(endpoint, first.host, first.port, isSecure);
    return to ? [{ ...first, ...to }, ...args.slice(1)] : args;
  }
  const to = detour(endpoint, args[1], first, isSecure);
  return to ? [{ ...to }, ...args.slice(2)] : args;
}

// Returns `secure`, a function of the https module, that leaves the service's own http URLs to `plain`.
function takingPlainUrls(endpoint, secure, plain) {
  return function request(first, ...rest) {
    const url = typeof first === "string" ? new URL(first) : first;
    const name = String(url?.hostname ?? url?.host).toLowerCase();
    if (url?.protocol !== "http:" || !isEndpoint(endpoint, name.replace(/^\[|\]$/g, ""), url.port || HTTP)) {
      return Reflect.apply(secure, this, [first, ...rest]);
    }
    return Reflect.apply(plain, this, [withoutTls(first), ...rest.map(withoutTls)]);
  };
}

// An agent made for TLS does not take a plain request.
function withoutTls(options) {
  return options?.agent instanceof https.Agent ? { ...options, agent: undefined } : options;
}

function install(endpoint) {
  const connectSocket = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function connect(...args) {
    return Reflect.apply(connectSocket, this, redirected(endpoint, args, this instanceof tls.TLSSocket));
  };
  for (const method of ["request", "get"]) https[method] = takingPlainUrls(endpoint, https[method], http[method]);
  syncBuiltinESMExports();
}

const endpoint = readEndpoint(process.env);
if (endpoint) install(endpoint);
