// Leads connections to the names of AWS's services, and to LABEL.ENDPOINT-HOST, to the service that runs the function.
//
// Loaded with --require before anything else, so that worker threads and forked processes have it too. Two places see
// every TCP connection that Node.js opens, whoever asks for it (http, https, fetch, an SDK's own client):
// `net.Socket.prototype.connect` and `tls.connect`. Only where to connect changes: the Host header, and with it the
// signature, stays. Nothing else is captured; OBJECTLENS_CAPTURE=0 turns it off.
//
// On AWS an inputS3Url begins with https, and handlers pass it to `https.get`, which takes no other; ours begins with
// http. So `https.request` and `https.get` take URLs of the service, too.
"use strict";

const http = require("node:http");
const https = require("node:https");
const net = require("node:net");
const tls = require("node:tls");
const { syncBuiltinESMExports } = require("node:module");

// The hosts that the service itself tells apart: S3 with its access points and control plane, Lambda, STS, IAM.
const S3_HOST =
  /^(?:.+\.)?(?:(?:s3|s3-accesspoint|s3-object-lambda|s3-control)(?:-fips)?(?:\.dualstack)?(?:\.[a-z0-9-]+)?|s3-[a-z]{2}-[a-z-]+-[0-9])\.amazonaws\.com(?:\.cn)?$/;
const OTHER_HOST = /^(?:lambda|sts|iam)(?:-fips)?(?:\.dualstack)?(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$/;
const HTTP = 80;
const HTTPS = 443;

function readEndpoint(environment) {
  if (environment.OBJECTLENS_CAPTURE === "0" || !environment.OBJECTLENS_ENDPOINT_URL) return null;
  const url = new URL(environment.OBJECTLENS_ENDPOINT_URL);
  if (url.protocol !== "http:") return null; // only plain HTTP can be put in the place of TLS
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // SDKs are told `localhost` in the place of an address in numbers, which takes no labels.
  return { target: { host, port: Number(url.port) || HTTP }, names: net.isIP(host) ? [host, "localhost"] : [host] };
}

function isService(host) {
  return S3_HOST.test(host) || OTHER_HOST.test(host);
}

// Whether a name is the service's own, or a label before it, at the service's port.
function isEndpoint({ target, names }, name, port) {
  return Number(port) === target.port && names.some((own) => name === own || name.endsWith(`.${own}`));
}

// Returns where a plain connection goes instead; null for one that is left alone.
function detour(endpoint, host, port) {
  const name = String(host).toLowerCase();
  return isEndpoint(endpoint, name, port) || (Number(port) === HTTP && isService(name)) ? endpoint.target : null;
}

function redirected(endpoint, args) {
  const first = args[0];
  if (Array.isArray(first)) {
    // Node's own callers pass [options, callback] in an array that carries a mark: it is changed in place.
    const to = first[0] && detour(endpoint, first[0].host, first[0].port);
    if (to) first[0] = { ...first[0], ...to };
    return args;
  }
  if (first !== null && typeof first === "object") {
    const to = detour(endpoint, first.host, first.port);
    return to ? [{ ...first, ...to }, ...args.slice(1)] : args;
  }
  const to = detour(endpoint, args[1], first);
  return to ? [{ ...to }, ...args.slice(2)] : args;
}

// The forms of tls.connect: (options, callback), (port, options, callback), (port, host, options, callback).
function tlsOptions(args) {
  const options = {};
  for (const one of args) {
    if (one !== null && typeof one === "object") Object.assign(options, one);
    else if (typeof one === "string" && !/^\d+$/.test(one)) options.host = one;
    else if (typeof one === "string" || typeof one === "number") options.port = one;
  }
  return { options, callback: args.findLast((one) => typeof one === "function") };
}

// What users of a TLS socket look at; there is no certificate to show.
const POSE = {
  encrypted: true,
  authorized: true,
  authorizationError: null,
  alpnProtocol: false,
  getCipher: () => ({}),
  getPeerCertificate: () => ({}),
  getProtocol: () => null,
  getSession: () => undefined,
  isSessionReused: () => false,
};

function connectPlainly(target, options, callback) {
  const { allowHalfOpen, family, keepAlive, keepAliveInitialDelay, noDelay, signal, timeout } = options;
  const given = { allowHalfOpen, family, keepAlive, keepAliveInitialDelay, noDelay, signal, timeout };
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  if (net.isIP(target.host)) delete known.family; // the wish was for the host that is not asked
  const socket = Object.assign(net.connect({ ...known, ...target }), POSE);
  socket.servername = options.servername;
  if (callback) socket.once("secureConnect", callback);
  socket.once("connect", () => socket.emit("secureConnect"));
  return socket;
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
    return Reflect.apply(connectSocket, this, redirected(endpoint, args));
  };
  const connectTls = tls.connect;
  tls.connect = function connect(...args) {
    const { options, callback } = tlsOptions(args);
    const name = String(options.host).toLowerCase();
    const isKnown =
      (Number(options.port) === HTTPS && isService(name)) || isEndpoint(endpoint, name, options.port);
    const captured = isKnown && !options.socket && !options.path;
    return captured ? connectPlainly(endpoint.target, options, callback) : Reflect.apply(connectTls, this, args);
  };
  for (const method of ["request", "get"]) https[method] = takingPlainUrls(endpoint, https[method], http[method]);
  syncBuiltinESMExports();
}

const endpoint = readEndpoint(process.env);
if (endpoint) install(endpoint);
