"use strict";
var __create = Object.create;
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __getProtoOf = Object.getPrototypeOf;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toESM = (mod, isNodeMode, target) => (target = mod != null ? __create(__getProtoOf(mod)) : {}, __copyProps(
  // If the importer is in node compatibility mode or this is not an ESM
  // file that has been converted to a CommonJS file using a Babel-
  // compatible transform (i.e. "__esModule" has not been set), then set
  // "default" to the CommonJS "module.exports" for node compatibility.
  isNodeMode || !mod || !mod.__esModule ? __defProp(target, "default", { value: mod, enumerable: true }) : target,
  mod
));

// src/post.ts
var import_promises6 = require("node:fs/promises");
var import_node_path4 = require("node:path");

// src/job.ts
var import_promises2 = require("node:fs/promises");
var import_node_path = require("node:path");

// src/event.ts
var import_promises = require("node:fs/promises");

// src/world.ts
function variable(env, name2) {
  return env[name2] || void 0;
}

// src/event.ts
var STRANGERS = /* @__PURE__ */ new Set(["pull_request_target", "workflow_run", "issue_comment", "discussion_comment"]);
async function readEvent(env) {
  const path = variable(env, "GITHUB_EVENT_PATH");
  let payload;
  try {
    if (path !== void 0) payload = JSON.parse(await (0, import_promises.readFile)(path, "utf8"));
  } catch {
  }
  const name2 = variable(env, "GITHUB_EVENT_NAME") ?? "";
  return { name: name2, payload, repository: variable(env, "GITHUB_REPOSITORY"), actor: variable(env, "GITHUB_ACTOR") };
}
function fromFork(event) {
  const change = field(event.payload, "pull_request");
  if (change === void 0) return event.name.startsWith("pull_request") && event.payload === void 0;
  const head = field(field(field(change, "head"), "repo"), "full_name");
  return typeof head !== "string" || head.toLowerCase() !== event.repository?.toLowerCase();
}
function distrust(event) {
  if (STRANGERS.has(event.name)) return `a workflow that runs on ${event.name} may have a stranger's files there`;
  if (event.name === "") return "the runner does not say what this workflow runs on";
  if (fromFork(event)) return "the pull request comes from a fork";
  return void 0;
}
function field(value2, name2) {
  return typeof value2 === "object" && value2 !== null ? value2[name2] : void 0;
}

// src/problem.ts
var Problem = class _Problem extends Error {
  code;
  hint;
  constructor(code, message, hint) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
  static of(error) {
    if (error instanceof _Problem) return error;
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof Error && "syscall" in error && "code" in error) {
      return new _Problem("action.file_failed", printable(text), "may the runner write there, and is there space?");
    }
    return new _Problem("action.internal", text, "this is a defect of the Action");
  }
  /** The text of an annotation. */
  get text() {
    return this.hint === void 0 ? this.message : `${this.message}
hint: ${this.hint}`;
  }
};
function harmless(text) {
  return text.replace(/##(?=\[|vso\[)/gi, "#\\#");
}
function printable(text) {
  const plain = harmless(text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim());
  return plain.length > 300 ? `${plain.slice(0, 299)}…` : plain;
}

// src/profile.ts
var KEYS = {
  provider: "text",
  region: "text",
  token_url: "text",
  issuer: "text",
  client_auth: "text",
  grant: "text",
  scopes: "words",
  audience: "text",
  resource: "list",
  params: "table",
  hosts: "words",
  token_hosts: "words",
  min_ttl: "text",
  max_ttl: "text",
  assume_ttl: "text",
  api_url: "text",
  revocation_url: "text",
  ca_file: "text",
  api_ca_file: "text",
  proxy: "text",
  pool: "number"
};
var FILES = ["ca_file", "api_ca_file"];
var CLIENT_IDS = {
  genesys: ["GENESYSCLOUD_OAUTHCLIENT_ID", "GC_CLIENT_ID", "GENESYS_CLOUD_CLIENT_ID"],
  generic: ["OAUTH2_CLIENT_ID"]
};
var OWN = { id: "DAYPASS_CLIENT_ID", secret: "DAYPASS_CLIENT_SECRET" };
function variablesOf(provider) {
  return provider === "genesys-cloud" ? { id: "GENESYSCLOUD_OAUTHCLIENT_ID", secret: "GENESYSCLOUD_OAUTHCLIENT_SECRET" } : { id: "OAUTH2_CLIENT_ID", secret: "OAUTH2_CLIENT_SECRET" };
}
function toml(profile, inputs, withClientId) {
  const lines = [`default = ${quoted(profile)}`, `[profile.${quoted(profile)}]`];
  for (const [key, kind] of Object.entries(KEYS)) {
    const text = inputs.get(key);
    if (text !== void 0) lines.push(`${key} = ${value(key, kind, text)}`);
  }
  const { id, secret } = variablesOf(inputs.get("provider"));
  if (withClientId) lines.push(`client_id = { env = "${id}" }`);
  lines.push(`client_secret = { env = "${secret}" }`);
  return `${lines.join("\n")}
`;
}
function value(key, kind, text) {
  switch (kind) {
    case "text":
      return quoted(text);
    case "number":
      if (/^\d{1,9}$/.test(text)) return `${Number(text)}`;
      throw new Problem("config.invalid", `${input(key)} is no number`);
    case "words":
      return array(text.split(/[\s,]+/));
    case "list":
      return array(text.split("\n"));
    case "table":
      return table(key, text);
  }
}
function array(items) {
  return `[${items.map((item) => item.trim()).filter((item) => item !== "").map(quoted).join(", ")}]`;
}
function table(key, text) {
  const pairs = text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const at = line.indexOf("=");
    if (at < 1) {
      throw new Problem("config.invalid", `${input(key)} has a line without a name`, `write one a line: NAME=VALUE`);
    }
    return `${quoted(line.slice(0, at).trim())} = ${quoted(line.slice(at + 1).trim())}`;
  });
  return `{ ${pairs.join(", ")} }`;
}
function quoted(text) {
  return JSON.stringify(text).replace(/[\x7f-\x9f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
function input(key) {
  return key.replaceAll("_", "-");
}

// src/job.ts
var PREFIX = "daypass-action-";
var PLACE = "daypass-";
async function demandFolder(folder, prefix2 = PREFIX) {
  const named = (0, import_node_path.isAbsolute)(folder) && (0, import_node_path.resolve)(folder) === folder && (0, import_node_path.basename)(folder).startsWith(prefix2);
  const found = await (0, import_promises2.lstat)(folder).catch(() => void 0);
  if (named && (found === void 0 || await isOurs(folder))) return;
  throw new Problem("action.no_folder", `${printable(folder)} is not as this Action made it`, "a step of this job has changed it: nothing in it is started or removed");
}
async function isOurs(folder) {
  const found = await (0, import_promises2.lstat)(folder).catch(() => void 0);
  return found !== void 0 && found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 63) === 0;
}
async function removeFolder(folder) {
  await (0, import_promises2.rm)(folder, { recursive: true, force: true });
}
async function writeConfig(folder, profile, text) {
  const path = (0, import_node_path.join)(folder, `${profile}.toml`);
  await (0, import_promises2.writeFile)(path, text, { mode: 384 });
  return path;
}
async function trusted(what, path, env, event) {
  const workspace = variable(env, "GITHUB_WORKSPACE");
  const absolute = (0, import_node_path.resolve)(workspace ?? process.cwd(), path);
  const why = distrust(event);
  if (why === void 0) return absolute;
  const real = (path2) => (0, import_promises2.realpath)(path2).catch(() => path2);
  const places = [absolute, await real(absolute)];
  const roots = workspace === void 0 ? [] : [workspace, await real(workspace)];
  if (roots.length > 0 && !places.some((place) => roots.some((root) => within(root, place)))) return absolute;
  throw new Problem("config.untrusted", `${what}: ${printable(path)} is not used: ${why}`, "say it with inputs instead, or name a file outside of the workspace");
}
async function trustedConfig(inputs, env, event) {
  for (const key of FILES) {
    const path = inputs.keys.get(key);
    if (path !== void 0) await trusted(input(key), path, env, event);
  }
  return inputs.config && await trusted("config", inputs.config, env, event);
}
function within(root, path) {
  const way = (0, import_node_path.relative)(root, path);
  return !(0, import_node_path.isAbsolute)(way) && way !== ".." && !way.startsWith("../");
}

// src/agent.ts
async function stopAgent(world, daypass, socket, answers = true) {
  if (!answers && await world.end(socket)) return;
  try {
    await daypass.ask({ args: ["agent", "--stop", "--quiet", "--socket", socket] });
  } finally {
    await world.end(socket);
  }
}

// src/commands.ts
var import_promises3 = require("node:fs/promises");
var Commands = class {
  #world;
  /** How what daypass says is said here. */
  words = (text) => text;
  constructor(world) {
    this.#world = world;
  }
  info(text) {
    this.#world.print(`${harmless(text)}
`);
  }
  mask(forms2) {
    for (const form of forms2) this.#command("add-mask", "", form);
  }
  error(problem2) {
    this.#annotate("error", problem2);
  }
  warning(problem2) {
    this.#annotate("warning", problem2);
  }
  async output(name2, value2) {
    await this.#entry("GITHUB_OUTPUT", name2, value2);
  }
  /** For all later steps. */
  async export(name2, value2) {
    await this.#entry("GITHUB_ENV", name2, value2);
  }
  /** From main to post. */
  async state(name2, value2) {
    await this.#entry("GITHUB_STATE", name2, value2);
  }
  /** All of them, or none. */
  async states(pairs) {
    await this.#append("GITHUB_STATE", pairs.map(([name2, value2]) => this.#lines(name2, value2)).join(""));
  }
  async path(folder) {
    await this.#append("GITHUB_PATH", `${folder}
`);
  }
  /** Not on every server there is. */
  async summary(markdown) {
    if (variable(this.#world.env, "GITHUB_STEP_SUMMARY")) await this.#append("GITHUB_STEP_SUMMARY", markdown);
  }
  #annotate(kind, problem2) {
    this.#command(kind, ` title=daypass%3A ${property(problem2.code)}`, this.words(problem2.text));
  }
  #command(name2, properties, value2) {
    this.#world.print(`::${name2}${properties}::${data(value2)}
`);
  }
  async #entry(file, name2, value2) {
    await this.#append(file, this.#lines(name2, value2));
  }
  #lines(name2, value2) {
    const end2 = `end-${this.#world.random()}`;
    return `${name2}<<${end2}
${value2}
${end2}
`;
  }
  async #append(name2, text) {
    const path = variable(this.#world.env, name2);
    if (path === void 0) {
      throw new Problem("action.no_runner", `${name2} is not set`, "this runs in a step of GitHub Actions only");
    }
    await (0, import_promises3.appendFile)(path, text).catch((error) => {
      throw new Problem("action.file_failed", `${name2} cannot be written: ${error.code}`, "may the runner write there, and is there space?");
    });
  }
};
function data(text) {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}
function property(text) {
  return data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

// src/daypass.ts
var import_node_path2 = require("node:path");

// src/binary.ts
var import_node_crypto = require("node:crypto");
var import_node_fs = require("node:fs");
var import_promises4 = require("node:fs/promises");

// src/body.ts
async function readBody(answer, most) {
  if (Number(answer.headers.get("content-length")) > most) {
    await answer.body?.cancel();
    return void 0;
  }
  const parts = [];
  let length = 0;
  const reader = answer.body?.getReader();
  while (reader !== void 0) {
    const { done, value: value2 } = await reader.read();
    if (done) break;
    length += value2.length;
    if (length > most) {
      await reader.cancel();
      return void 0;
    }
    parts.push(value2);
  }
  return Buffer.concat(parts);
}

// src/binary.ts
var ELF = Buffer.from("ELF");
var MAX_BINARY = 512 * 1024 * 1024;
async function verify(found) {
  const actual = await hashOf(found.path);
  if (actual !== found.sha256) {
    const what = actual === void 0 ? "is gone" : `has the SHA-256 ${actual}, not ${found.sha256}`;
    throw new Problem("action.binary_changed", `the daypass of this job ${what}`, "a step of this job has changed it: it is not started again");
  }
}
async function hashOf(path) {
  const bytes = await readBinary(path).catch(() => void 0);
  return bytes && sha256(bytes);
}
async function readBinary(path) {
  const file = await (0, import_promises4.open)(path, import_node_fs.constants.O_RDONLY | import_node_fs.constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    return found.isFile() && found.size <= MAX_BINARY ? await file.readFile() : void 0;
  } finally {
    await file.close();
  }
}
function withoutInputs(env) {
  const kept2 = Object.entries(env).filter(([name2]) => !/^(INPUT_|STATE_|ACTIONS_|GITHUB_TOKEN$)/.test(name2));
  return Object.fromEntries(kept2.flatMap(([name2, value2]) => value2 === void 0 ? [] : [[name2, value2]]));
}
function sha256(bytes) {
  return (0, import_node_crypto.createHash)("sha256").update(bytes).digest("hex");
}

// src/summary.ts
var BAR = 20;
function summary(status, { revoked = false, as } = {}) {
  const { token } = status;
  const life = token === void 0 ? "no token is cached" : revoked ? `revoked after ${span(token.lifetime - token.left)} of ${span(token.lifetime)}` : `\`${bar(token.left, token.lifetime)}\` ${span(token.left)} left of ${span(token.lifetime)}`;
  const cells = [cell(status.profile), cell(status.place), life, ...as === void 0 ? [`${status.made}`, `${status.saved}`] : [`as ${cell(as)}`, `as ${cell(as)}`]];
  const head = ["profile", "at", "token", "token requests made", "saved"];
  return `### daypass

${row(head)}${row(head.map(() => "---"))}${row(cells)}
`;
}
function row(cells) {
  return `| ${cells.join(" | ")} |
`;
}
function cell(text) {
  return printable(text).replace(/[\\`*_[\]<>|&]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
function bar(left, lifetime) {
  const full = Math.round(BAR * Math.min(1, Math.max(0, left / Math.max(lifetime, 1))));
  return "█".repeat(full) + "░".repeat(BAR - full);
}
function span(seconds2) {
  const whole = Math.max(0, Math.round(seconds2));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole % 3600 / 60)];
  if (hours > 0) return `${hours}h${minutes > 0 ? ` ${minutes}m` : ""}`;
  return minutes > 0 ? `${minutes}m` : `${whole}s`;
}

// src/daypass.ts
var PATIENCE = 120;
var GRACE = 30;
var Daypass = class {
  #world;
  #commands;
  #found;
  #env;
  constructor(world, commands, found, env) {
    this.#world = world;
    this.#commands = commands;
    this.#found = found;
    this.#env = env;
  }
  /** Runs it and returns what it wrote to stdout; what it told on stderr goes to the log. */
  async ask({ args, secrets: secrets2, input: input2, env, wait }) {
    await verify(this.#found);
    const limit = wait === void 0 ? PATIENCE : wait + GRACE;
    const ended = await this.#world.run({
      program: this.#found.path,
      args: [...args, ...secrets2 === void 0 ? [] : ["--secrets-fd", "0"]],
      cwd: (0, import_node_path2.dirname)(this.#found.path),
      env: { ...this.#env, ...env },
      timeout: limit * 1e3,
      // An empty line ends the secrets; what follows is for the verb.
      ...secrets2 === void 0 ? {} : { input: Buffer.concat([Buffer.from(`${secrets2}
`), input2 ?? Buffer.alloc(0)]) }
    });
    const told = ended.stderr.split("\n");
    told.filter((line) => line.startsWith("::add-mask::")).forEach((line) => this.#world.print(`${line}
`));
    const error = told.map(problem).find((error2) => error2 !== void 0);
    for (const line of told) this.#tell(line);
    if (ended.late) {
      throw new Problem("action.no_end", `daypass did not end within ${span(limit)}: it was ended`, "is the machine overloaded? daypass itself gives up earlier");
    }
    if (ended.code !== 0) throw error ?? ownFault(ended.code, ended.stderr);
    return Buffer.from(ended.stdout);
  }
  async json(ask2) {
    const bytes = await this.ask(ask2);
    try {
      const value2 = JSON.parse(bytes.toString());
      if (typeof value2 === "object" && value2 !== null) return value2;
    } catch {
    }
    throw new Problem("action.internal", "daypass answered something else than JSON", "are the Action and binary: of one version?");
  }
  #tell(line) {
    const warning = /^daypass: warning: (.*)$/.exec(line)?.[1];
    if (warning !== void 0) this.#commands.warning(new Problem("warning", printable(warning)));
    else if (line.startsWith("daypass: ")) this.#commands.info(printable(line));
  }
};
function problem(line, at, lines) {
  const [, code, message] = /^error\[([a-z_.]+)\]: (.*)$/.exec(line) ?? [];
  if (code !== void 0 && message !== void 0) {
    const hint = /^\s+hint: (.*)$/.exec(lines[at + 1] ?? "")?.[1];
    return new Problem(code, printable(message), hint && printable(hint));
  }
  if (!line.startsWith('{"error":')) return void 0;
  try {
    const { error } = JSON.parse(line);
    const hint = typeof error.hint === "string" ? printable(error.hint) : void 0;
    return new Problem(printable(String(error.code)), printable(String(error.message)), hint);
  } catch {
    return void 0;
  }
}
function ownFault(code, stderr) {
  const last = printable(stderr.trim().split("\n").at(-1) ?? "");
  if (code === -1) return new Problem("action.no_start", `daypass could not be run: ${last}`, "is it for this platform, and is the folder mounted without noexec?");
  return new Problem("action.internal", `daypass ended with ${code}: ${last}`, "are the Action and binary: of one version?");
}

// src/inputs.ts
var import_node_path3 = require("node:path");
var STEERING = /^(PATH|HOME|SHELL|IFS|ENV|CI|USER|TMPDIR|CDPATH|BASH_.*|PS4|PROMPT_COMMAND|LD_.*|DYLD_.*|NODE_.*|NPM_.*|PYTHON.*|PIP_.*|PERL.*|RUBY.*|JAVA_.*|GIT_.*|SSL_.*|CURL_.*|.*_PROXY|GITHUB_.*|RUNNER_.*|ACTIONS_.*|INPUT_.*|STATE_.*|DAYPASS_.*)$/;
var DAY = 86400;
function readInputs(env) {
  const read = (name2) => variable(env, `INPUT_${name2.toUpperCase()}`)?.trim() || void 0;
  const keys = /* @__PURE__ */ new Map();
  for (const key of Object.keys(KEYS)) {
    const text = read(input(key));
    if (text !== void 0) keys.set(key, text);
  }
  const config = read("config");
  if (config !== void 0 && keys.size > 0) {
    const given = [...keys.keys()].map(input).join(", ");
    throw new Problem("config.ambiguous", `config and ${given} are both given`, "write those into the file, or leave config away");
  }
  const share = oneOf("share", read("share") ?? "none", ["none", "cache"]);
  const revoke = yes("revoke", read("revoke"), false);
  if (revoke && share !== "none") {
    throw new Problem("usage", "revoke and share exclude each other", "a token that others share must outlive this job");
  }
  const sha2562 = read("binary-sha256")?.toLowerCase();
  if (sha2562 !== void 0 && !/^[0-9a-f]{64}$/.test(sha2562)) {
    throw new Problem("usage", "binary-sha256 is no SHA-256", "it has 64 hexadecimal digits: sha256sum daypass");
  }
  const mode = oneOf("mode", read("mode") ?? "agent", ["agent", "gateway", "token"]);
  const tokenVariable2 = read("token-variable");
  if (tokenVariable2 !== void 0 && !/^[A-Z_][A-Z0-9_]*$/.test(tokenVariable2)) {
    throw new Problem("usage", "token-variable is no name of a variable", "write upper-case letters, digits and underscores");
  }
  if (tokenVariable2 !== void 0 && STEERING.test(tokenVariable2)) {
    throw new Problem("usage", `token-variable: ${tokenVariable2} means something to the shell, the runner or a program`, "take a name of your own, such as ORG_TOKEN");
  }
  if (tokenVariable2 !== void 0 && mode !== "token") throw new Problem("usage", "token-variable is for mode: token", "leave it away, or add mode: token");
  if (keys.has("pool") && mode !== "gateway") throw new Problem("usage", "pool is for mode: gateway", "leave it away, or add mode: gateway");
  const secret = (env["INPUT_CLIENT-SECRET"] ?? "").replace(/(\r?\n)+$/, "");
  return {
    profile: profileName(read("profile") ?? (config === void 0 ? keys.get("provider") ?? "oauth2" : "")),
    keys,
    clientId: read("client-id") ?? (config === void 0 ? clientIdOf(env, keys.get("provider")) : void 0),
    clientSecret: secret.trim() === "" ? "" : secret,
    cacheKey: read("cache-key"),
    config: optional(config, (path) => located(env, path)),
    mode,
    outputToken: yes("output-token", read("output-token"), false),
    tokenVariable: tokenVariable2,
    share,
    revoke,
    binary: optional(read("binary"), (path) => located(env, path)),
    binarySha256: sha2562,
    install: oneOf("install", read("install") ?? "auto", ["auto", "release", "pip"]),
    lifetime: duration("lifetime", read("lifetime") ?? "6h", 35 * DAY),
    timeout: duration("timeout", read("timeout") ?? "30s", DAY / 24),
    summary: yes("summary", read("summary"), true)
  };
}
function located(env, path) {
  return (0, import_node_path3.resolve)(variable(env, "GITHUB_WORKSPACE") ?? process.cwd(), path);
}
function optional(value2, then) {
  return value2 === void 0 ? void 0 : then(value2);
}
function profileName(name2) {
  if (name2 === "" || /^[A-Za-z0-9._-]{1,64}$/.test(name2)) return name2;
  throw new Problem("config.invalid", "profile is no name", "a name is letters, digits, `.`, `_` and `-`, at most 64");
}
function duration(name2, text, most) {
  const [, number2, unit] = /^(\d+)(s|m|h|d)?$/.exec(text) ?? [];
  if (number2 === void 0) throw new Problem("usage", `${name2} is no duration`, "write 90s, 10m, 2h, 1d, or a number of seconds");
  const length = Number(number2) * { s: 1, m: 60, h: 3600, d: DAY }[unit ?? "s"];
  if (length > 0 && length <= most) return text;
  throw new Problem("usage", `${name2} is too ${length > 0 ? "long" : "short"}`, `it is at least 1s, and at most ${most / 3600}h`);
}
function clientIdOf(env, provider) {
  const names2 = provider === "genesys-cloud" ? CLIENT_IDS.genesys : CLIENT_IDS.generic;
  return names2.map((name2) => variable(env, name2)?.trim()).find((id) => id && !id.startsWith("daypass-local-"));
}
function yes(name2, text, otherwise) {
  return text === void 0 ? otherwise : oneOf(name2, text.toLowerCase(), ["true", "false"]) === "true";
}
function oneOf(name2, text, choices) {
  const found = choices.find((choice) => choice === text);
  if (found !== void 0) return found;
  const shown = /^[a-z][a-z-]{0,19}$/i.test(text) ? `: ${text}` : "";
  const near = choices.find((choice) => text.toLowerCase() === choice || text.toLowerCase().startsWith(choice.slice(0, 3)));
  throw new Problem("usage", `${name2}${shown} is none of ${choices.join(", ")}`, near && `did you mean ${near}?`);
}

// src/share.ts
var import_node_crypto3 = require("node:crypto");
var import_promises5 = require("node:fs/promises");

// src/cache/transfer.ts
var import_node_crypto2 = require("node:crypto");
var VERSION = (0, import_node_crypto2.createHash)("sha256").update("daypass record 1").digest("hex");
var TIMEOUT = 1e4;
async function send(world, url, init) {
  const answer = await world.fetch(url, { ...init, redirect: "error", signal: AbortSignal.timeout(TIMEOUT) });
  if (answer.status >= 500) return refuse(answer);
  return answer;
}
async function refuse(answer, what = "the cache") {
  await answer.body?.cancel();
  throw new Error(`${what} answered ${answer.status}`);
}
async function json(answer) {
  if (!answer.ok) return refuse(answer);
  const bytes = await readBody(answer, MAX_ENTRY);
  try {
    const value2 = bytes && JSON.parse(Buffer.from(bytes).toString());
    if (typeof value2 === "object" && value2 !== null) return value2;
  } catch {
  }
  throw new Error("the cache answered no JSON object");
}
async function download(world, service2, address) {
  const answer = await send(world, signed(service2, address), {});
  if (!answer.ok) return refuse(answer, "the cache's storage");
  const bytes = await readBody(answer, MAX_ENTRY);
  if (bytes === void 0) throw new Error(`the entry is larger than ${MAX_ENTRY / 1024} KiB`);
  return bytes;
}
function signed(service2, address) {
  const url = typeof address === "string" ? URL.parse(address) : null;
  const own = URL.parse(service2);
  if (url?.protocol === "https:" || url !== null && own?.protocol === "http:" && url.host === own.host) return url.href;
  throw new Error("the cache names no address that can be used");
}

// src/cache/first.ts
function first(world, base, token) {
  const api = `${base.replace(/\/$/, "")}/_apis/artifactcache`;
  const known = token === void 0 ? {} : { authorization: `Bearer ${token}` };
  const headers = { ...known, accept: "application/json;api-version=6.0-preview.1" };
  const post2 = (path, body) => send(world, `${api}/${path}`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(body)
  });
  return {
    async find(prefix2) {
      const answer = await send(world, `${api}/cache?keys=${encodeURIComponent(prefix2)}&version=${VERSION}`, { headers });
      if (answer.status === 204) return void 0;
      return download(world, base, (await json(answer))["archiveLocation"]);
    },
    async save(key, bytes) {
      const reserved = await post2("caches", { key, version: VERSION, cacheSize: bytes.length });
      if (reserved.status === 409 || reserved.status === 400) {
        await reserved.body?.cancel();
        return false;
      }
      const id = Number((await json(reserved))["cacheId"]);
      const range = { "content-type": "application/octet-stream", "content-range": `bytes 0-${bytes.length - 1}/*` };
      const uploaded = await send(world, `${api}/caches/${id}`, { method: "PATCH", headers: { ...headers, ...range }, body: Buffer.from(bytes) });
      const committed = uploaded.ok ? await post2(`caches/${id}`, { size: bytes.length }) : uploaded;
      if (!committed.ok) return refuse(committed);
      return true;
    }
  };
}

// src/cache/second.ts
var SERVICE = "twirp/github.actions.results.api.v1.CacheService";
function second(world, base, token) {
  const call = (method, body) => send(world, `${base.replace(/\/$/, "")}/${SERVICE}/${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body)
  });
  return {
    async find(prefix2) {
      const found = await json(await call("GetCacheEntryDownloadURL", { key: prefix2, restore_keys: [prefix2], version: VERSION }));
      if (found["ok"] !== true) return void 0;
      return download(world, base, found["signed_download_url"] ?? found["signedDownloadUrl"]);
    },
    async save(key, bytes) {
      const answer = await call("CreateCacheEntry", { key, version: VERSION });
      if (answer.status === 409) {
        await answer.body?.cancel();
        return false;
      }
      const created = await json(answer);
      if (created["ok"] !== true) return false;
      const address = signed(base, created["signed_upload_url"] ?? created["signedUploadUrl"]);
      const headers = { "content-type": "application/octet-stream", "x-ms-blob-type": "BlockBlob" };
      const uploaded = await send(world, address, { method: "PUT", headers, body: Buffer.from(bytes) });
      if (!uploaded.ok) return refuse(uploaded, "the cache's storage");
      const finished2 = await json(await call("FinalizeCacheEntryUpload", { key, version: VERSION, size_bytes: `${bytes.length}` }));
      if (finished2["ok"] !== true) throw new Error("the cache did not take the entry");
      return true;
    }
  };
}

// src/cache/service.ts
var MAX_ENTRY = 64 * 1024;
var MODES = ["none", "read", "write", "write-only"];
function actionsCache(world) {
  const { env } = world;
  const cache = service(world);
  const mode = variable(env, "ACTIONS_CACHE_MODE")?.trim().toLowerCase() ?? "";
  if (cache === void 0 || !MODES.includes(mode)) return cache;
  return {
    find: async (prefix2) => mode === "read" || mode === "write" ? cache.find(prefix2) : void 0,
    save: async (key, bytes) => mode.startsWith("write") && cache.save(key, bytes)
  };
}
function service(world) {
  const { env } = world;
  const token = variable(env, "ACTIONS_RUNTIME_TOKEN");
  const results = variable(env, "ACTIONS_RESULTS_URL");
  if (variable(env, "ACTIONS_CACHE_SERVICE_V2") && results !== void 0 && token !== void 0) return second(world, results, token);
  const url = variable(env, "ACTIONS_CACHE_URL") ?? results;
  return url === void 0 ? void 0 : first(world, url, token);
}

// src/share.ts
var Share = class _Share {
  #commands;
  #daypass;
  #named;
  #cache;
  #prefix;
  constructor(commands, daypass, named, cache, prefix2) {
    this.#commands = commands;
    this.#daypass = daypass;
    this.#named = named;
    this.#cache = cache;
    this.#prefix = prefix2;
  }
  static async open(world, commands, daypass, inputs, named) {
    const cache = actionsCache(world);
    if (cache === void 0) {
      commands.warning(new Problem("action.no_cache", "share: cache, but this runner offers no Actions cache", "each job asks the issuer once"));
    }
    return new _Share(commands, daypass, named, cache, await prefix(inputs));
  }
  /** Returns the fingerprint of the token that daypass took, if it took one. */
  async restore() {
    const bytes = await this.#passBy("read", () => this.#cache?.find(this.#prefix));
    if (bytes === void 0) return void 0;
    const args = ["--config", this.#named.config, "cache", "import", ...names(this.#named.profile), "--json"];
    const taken = await this.#daypass.json({ args, input: bytes, secrets: this.#named.secrets });
    if (taken["imported"] === true) return String(taken["fingerprint"]);
    this.#commands.info(`daypass: the entry in the Actions cache is of no use: ${printable(String(taken["reason"]))}`);
    return void 0;
  }
  async save(expiresAt) {
    if (this.#cache === void 0) return;
    const args = ["--config", this.#named.config, "cache", "export", ...names(this.#named.profile)];
    const bytes = await this.#daypass.ask({ args, secrets: this.#named.secrets });
    if (bytes.length === 0 || bytes.length > MAX_ENTRY) return;
    const key = `${this.#prefix}${expiresAt.replace(/\D/g, "")}`;
    await this.#passBy("written", () => this.#cache?.save(key, bytes));
  }
  async #passBy(what, work) {
    try {
      return await work();
    } catch (error) {
      const why = printable(error instanceof Error ? error.message : String(error));
      this.#commands.warning(new Problem("action.cache_failed", `the Actions cache cannot be ${what}: ${why}`, "this job goes on without it"));
      this.#cache = void 0;
      return void 0;
    }
  }
};
function names(profile) {
  return profile === "" ? [] : [profile];
}
async function prefix(inputs) {
  const file = inputs.config === void 0 ? "" : await (0, import_promises5.readFile)(inputs.config, "utf8").catch(() => "");
  const said = JSON.stringify([inputs.profile, [...inputs.keys].sort(), inputs.clientId, file]);
  return `daypass-${(0, import_node_crypto3.createHash)("sha256").update(said).digest("hex").slice(0, 32)}-`;
}

// src/status.ts
function readStatus(answer, profile) {
  const profiles = Array.isArray(answer["profiles"]) ? answer["profiles"].map(object) : [];
  const found = profiles.find((one) => one["profile"] === profile);
  if (found === void 0 || found["error"] !== void 0) return void 0;
  const token = found["token"] ? object(found["token"]) : void 0;
  const served = object(found["served"]);
  return {
    profile: String(found["profile"]),
    place: String(found["place"] ?? ""),
    token: token && {
      fingerprint: String(token["fingerprint"]),
      expiresAt: String(token["expires_at"]),
      left: number(token["expires_in"]),
      lifetime: number(token["lifetime"])
    },
    made: number(served["issuer"]),
    saved: ["memory", "store", "agent", "waited"].reduce((sum, source) => sum + number(served[source]), 0)
  };
}
function object(value2) {
  return typeof value2 === "object" && value2 !== null ? value2 : {};
}
function number(value2) {
  return typeof value2 === "number" && Number.isFinite(value2) ? value2 : 0;
}

// src/variables.ts
var GIVEN = "DAYPASS_ACTION_VARIABLES";

// src/words.ts
var NAMES = {
  GENESYSCLOUD_OAUTHCLIENT_ID: "client-id",
  GENESYSCLOUD_OAUTHCLIENT_SECRET: "client-secret",
  OAUTH2_CLIENT_ID: "client-id",
  OAUTH2_CLIENT_SECRET: "client-secret",
  DAYPASS_CACHE_KEY: "cache-key"
};
var KEY = Object.keys(KEYS).join("|");
var ODD = Object.keys(KEYS).filter((key) => key.includes("_")).join("|");
function inInputs(text) {
  return text.replace(/(?:[^\s:]*\/)?daypass-action-[^\s/]+\/[\w.-]+\.toml:\d+:\d+: /g, "").replace(/\b[A-Z0-9]+(?:_[A-Z0-9]+)+\b/g, (name2) => NAMES[name2] ?? name2).replace(new RegExp(`\\b(${KEY}) = "([^"]*)"(?: under \\[profile\\.[^\\]]+\\])?`, "g"), (_, key, value2) => `${input(key)}: ${value2}`).replace(/\[profile\.[^\]]+\]/g, "this use").replace(new RegExp(`(?<![\\w/.-])(${ODD})(?![\\w/.-]*[/=])`, "g"), (key) => input(key)).replace(" in the profile", "").replace("give this one another name, or daypass agent --stop and start the agent anew", "give this use another name: profile: NAME");
}

// src/main.ts
async function name(env, inputs, folder) {
  const keys = new Map(inputs.keys);
  for (const key of FILES) if (keys.has(key)) keys.set(key, located(env, keys.get(key) ?? ""));
  const config = inputs.config ?? await writeConfig(folder, inputs.profile, toml(inputs.profile, keys, inputs.clientId !== void 0));
  return { config, profile: inputs.profile, secrets: secrets(inputs) };
}
function secrets(inputs) {
  const { id, secret } = inputs.config === void 0 ? variablesOf(inputs.keys.get("provider")) : OWN;
  const given = { [id]: inputs.clientId, [secret]: inputs.clientSecret || void 0, DAYPASS_CACHE_KEY: inputs.cacheKey };
  return Object.entries(given).flatMap(([name2, value2]) => value2 === void 0 ? [] : [`${name2}=${value2}
`]).join("");
}
function environment(world, folder) {
  const { DAYPASS_AGENT: _, DAYPASS_CONFIG: __, [GIVEN]: ___, ...env } = withoutInputs(world.env);
  return { ...env, DAYPASS_CACHE_DIR: `${folder}/store` };
}
async function ask(daypass, agent, profile) {
  const args = ["status", profile, "--json"];
  return readStatus(await daypass.json({ args, env: agent.env }), profile);
}

// src/post.ts
async function post(world) {
  const commands = new Commands(world);
  const state = (name2) => variable(world.env, `STATE_${name2}`);
  const folder = state("folder");
  if (folder === void 0) return 0;
  const told = /* @__PURE__ */ new Set();
  const attempt = async (work) => {
    await work().catch((error) => {
      const problem2 = Problem.of(error);
      if (!told.has(problem2.text)) commands.warning(problem2);
      told.add(problem2.text);
    });
  };
  const agent = state("agent");
  const [place, socket] = [state("place"), state("socket")];
  const may = async (path, prefix2) => {
    let fine = false;
    await attempt(async () => {
      await demandFolder(path, prefix2);
      fine = true;
    });
    return fine;
  };
  const folders = [...await may(folder) ? [folder] : [], ...place !== void 0 && await may(place, PLACE) ? [place] : []];
  const owner = state("first") === "true";
  const found = { path: state("binary") ?? "", sha256: state("sha256") ?? "" };
  const daypass = new Daypass(world, commands, found, environment(world, folder));
  let inputs;
  await attempt(async () => {
    const read = readInputs(world.env);
    inputs = { ...read, clientId: state("client") ?? read.clientId };
    if (inputs.config === void 0) commands.words = inInputs;
  });
  const given = inputs;
  let answers = true;
  if (agent !== void 0 && given !== void 0 && folders.includes(folder)) {
    await attempt(async () => void (answers = await finish(world, commands, daypass, given, { folder, agent, state }, attempt)));
  }
  if (owner) {
    const stop = async (socket2) => void (folders.includes(folder) ? await stopAgent(world, daypass, socket2, answers) : await world.end(socket2));
    if (socket !== void 0 && [folder, place].includes((0, import_node_path4.dirname)(socket))) await attempt(() => stop(socket));
    for (const path of folders) await attempt(() => removeFolder(path));
  }
  return 0;
}
async function finish(world, commands, daypass, inputs, { folder, agent, state }, attempt) {
  const profile = state("profile") ?? inputs.profile;
  if (inputs.mode === "token") warnOfAnEnd(world, commands, state("expires"));
  if (inputs.mode === "token" && state("first") === "true" && !inputs.revoke) {
    await attempt(async () => {
      const status2 = inputs.summary ? kept(state("status"), world.now()) : void 0;
      if (status2 !== void 0) await tell(commands, folder, status2, false);
    });
    return true;
  }
  const env = { DAYPASS_AGENT: agent };
  let status;
  let answers = false;
  await attempt(async () => {
    status = await ask(daypass, { env }, profile).catch((error) => {
      throw gone(error, inputs, state("expires"));
    });
    answers = true;
  });
  const { token } = status ?? {};
  if (inputs.share === "cache" && token && token.fingerprint !== state("fingerprint")) {
    await attempt(async () => {
      await trustedConfig(inputs, world.env, await readEvent(world.env));
      const share = await Share.open(world, commands, daypass, inputs, await name(world.env, inputs, folder));
      await share.save(token.expiresAt);
    });
  }
  let revoked = false;
  if (inputs.revoke && token && token.left > 0) {
    await attempt(async () => {
      await daypass.json({ args: ["revoke", profile, "--json"], env });
      revoked = true;
    });
  }
  const told = inputs.summary ? status : void 0;
  if (told !== void 0) await attempt(() => tell(commands, folder, told, revoked));
  return answers;
}
async function tell(commands, folder, status, revoked) {
  const mark = (0, import_node_path4.join)(folder, `told-${(status.token?.fingerprint ?? status.profile).replace(/[^\w.-]/g, "")}`);
  const told = (await (0, import_promises6.readFile)(mark, "utf8").catch(() => "")).split("\n").filter((name2) => name2 !== "");
  if (told.includes(status.profile)) return;
  await (0, import_promises6.appendFile)(mark, `${status.profile}
`, { mode: 384 }).catch(() => void 0);
  await commands.summary(summary(status, { revoked, as: told[0] }));
}
function kept(text, now) {
  if (text === void 0) return void 0;
  const status = JSON.parse(text);
  const { token } = status;
  return token === void 0 ? status : { ...status, token: { ...token, left: (Date.parse(token.expiresAt) - now.getTime()) / 1e3 } };
}
function gone(error, inputs, expires) {
  if (Problem.of(error).code !== "agent.unreachable") return error;
  const alive = inputs.revoke ? `, and its token was not revoked: it lives until ${expires ?? "its end"}` : "";
  return new Problem("agent.unreachable", `the agent ended before the job, or does not answer${alive}`, `did a step end or stop it, or was lifetime: ${inputs.lifetime} over?`);
}
function warnOfAnEnd(world, commands, expires) {
  const ended = expires === void 0 ? Number.NaN : Date.parse(expires);
  if (!(ended < world.now().getTime())) return;
  const ago = span((world.now().getTime() - ended) / 1e3);
  commands.warning(
    new Problem("action.token_ended", `the token that was given to the steps ended ${ago} before the job`, "mode: agent gives each step one that is valid")
  );
}

// src/entry/world.ts
var import_node_crypto4 = require("node:crypto");
var import_node_http = __toESM(require("node:http"), 1);

// src/proxy.ts
var NAMES2 = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
function withSchemes(env) {
  const named = Object.entries(env).filter(([name2]) => NAMES2.includes(name2.toUpperCase()));
  return Object.fromEntries(
    named.flatMap(([name2, value2 = ""]) => value2 === "" ? [] : [[name2, /^no_/i.test(name2) || value2.includes("://") ? value2 : `http://${value2}`]])
  );
}

// src/release.json
var release_default = {
  version: "0.1.0",
  binaries: {}
};

// src/entry/end.ts
var import_promises7 = require("node:fs/promises");
var import_promises8 = require("node:timers/promises");
var PATIENCE2 = 3e3;
var STEP = 25;
async function end(socket, patience = PATIENCE2) {
  const found = await agents(socket);
  for (const pid of found) signal(pid, "SIGTERM", "SIGCONT");
  for (let waited = 0; waited < patience && (await agents(socket)).length > 0; waited += STEP) await (0, import_promises8.setTimeout)(STEP);
  for (const pid of await agents(socket)) signal(pid, "SIGKILL");
  return found.length > 0;
}
async function agents(socket) {
  const names2 = await (0, import_promises7.readdir)("/proc").catch(() => []);
  const lines = await Promise.all(
    names2.filter((name2) => /^\d+$/.test(name2)).map(async (name2) => ({ pid: Number(name2), args: await commandLine(name2) }))
  );
  return lines.filter(({ args }) => args.includes("agent") && args[args.indexOf("--socket") + 1] === socket).map(({ pid }) => pid);
}
async function commandLine(pid) {
  return (await (0, import_promises7.readFile)(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
}
function signal(pid, ...signals) {
  try {
    for (const name2 of signals) process.kill(pid, name2);
  } catch {
  }
}

// src/entry/run.ts
var import_node_child_process = require("node:child_process");
var import_node_stream = require("node:stream");
var MAX_OUTPUT = 1024 * 1024;
var MAX_TIMEOUT = 2 ** 31 - 1;
var GRACE2 = 3e3;
function run(start) {
  return new Promise((resolve3) => {
    const never = (error) => resolve3({ code: -1, late: false, stdout: Buffer.alloc(0), stderr: error instanceof Error ? error.message : String(error) });
    try {
      const child = (0, import_node_child_process.spawn)(start.program, start.args, { cwd: start.cwd, env: start.env, stdio: "pipe" });
      child.on("error", never);
      watch(child, start, resolve3);
    } catch (error) {
      never(error);
    }
  });
}
function watch(child, { input: input2, timeout }, resolve3) {
  const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)];
  let late = false;
  let last;
  const limit = setTimeout(() => {
    late = true;
    child.kill("SIGTERM");
    last = setTimeout(() => {
      child.kill("SIGKILL");
      child.stdout.destroy();
      child.stderr.destroy();
    }, GRACE2);
  }, Math.min(timeout, MAX_TIMEOUT));
  const done = () => {
    clearTimeout(limit);
    clearTimeout(last);
  };
  child.on("error", done);
  child.on("close", (code, signal2) => {
    done();
    const why = signal2 === null ? "" : `it was ended by ${signal2}`;
    resolve3({ code: code ?? -1, late, stdout: stdout(), stderr: stderr().toString() + why });
  });
  feed(child.stdin, input2);
}
function feed(to, what) {
  (0, import_node_stream.finished)(to, () => void 0);
  to.end(what);
}
function collected(from) {
  const parts = [];
  let length = 0;
  from.on("data", (part) => {
    length += part.length;
    if (length <= MAX_OUTPUT) parts.push(part);
  });
  return () => Buffer.concat(parts);
}

// src/entry/world.ts
function realWorld() {
  return {
    env: process.env,
    host: `${process.platform}-${process.arch}`,
    release: release_default,
    now: () => /* @__PURE__ */ new Date(),
    random: import_node_crypto4.randomUUID,
    print: (text) => void process.stdout.write(text),
    run,
    end,
    fetch: async (url, init) => {
      useProxy();
      return fetch(url, init);
    }
  };
}
var proxied = false;
function useProxy() {
  if (proxied || process.env["NODE_USE_ENV_PROXY"] !== void 0) return;
  try {
    import_node_http.default.setGlobalProxyFromEnv?.(withSchemes(process.env));
  } catch {
    throw new Error("HTTPS_PROXY or HTTP_PROXY is no address of a proxy");
  }
  proxied = true;
}
function enter(entry) {
  const world = realWorld();
  void entry(world).catch((error) => {
    new Commands(world).error(Problem.of(error));
    return 1;
  }).then((code) => {
    process.exitCode = code;
  });
}

// src/entry/post.ts
enter(post);
