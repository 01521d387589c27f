/** The node's file: what is written can be read, what is wrong is named, and nothing is overwritten. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { configSchema } from "../../../src/core/config.ts";
import { type Home, homeIn } from "../../../src/core/home.ts";
import { Refusal } from "../../../src/core/refusal.ts";
import {
  CONFIG_BYTES_MAX,
  createConfigFile,
  readConfigFile,
  refuseExisting,
} from "../../../src/shell/files/config_file.ts";
import {
  type ConfigDraft,
  parseConfig,
  printConfig,
} from "../../../src/shell/files/config_text.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const token = `troop1-${"0123456789abcdef".repeat(4)}`;
const draft: ConfigDraft = {
  cluster: "troop",
  name: "n1",
  interface: "eth0",
  address: "192.0.2.11",
  token,
};

function homeWith(text: string, mode = 0o600): Home {
  const home = homeIn(tempFolder());
  writeFileSync(home.config, text);
  chmodSync(home.config, mode);
  return home;
}

function refusalOf(action: () => unknown): Refusal {
  try {
    action();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("was not refused");
}

describe("printConfig", () => {
  test("writes what parseConfig reads back, with the defaults", () => {
    expect(parseConfig(printConfig(draft))).toEqual(configSchema.parse(draft));
  });

  test("writes every knob that was decided", () => {
    const full: ConfigDraft = {
      ...draft,
      heartbeat: ["10.0.0.11", "2001:db8::11"],
      port: 7_000,
      http: "off",
      join: ["192.0.2.12:7000"],
      director: false,
      realServer: false,
      priority: 0,
      pulseMs: 50,
      deadMs: 200,
      log: "debug",
    };
    expect(parseConfig(printConfig(full))).toEqual(configSchema.parse(full));
  });

  test("shows every knob that was not, and its samples are valid when the comment sign is taken away", () => {
    const uncommented = printConfig(draft).replaceAll(/^#(?! )/gm, "");
    const parsed = parseConfig(uncommented);
    expect(parsed).toHaveProperty("heartbeat", ["10.0.0.11"]);
    expect(Object.keys(parsed).sort()).toEqual(Object.keys(configSchema.shape).sort());
    for (const key of Object.keys(configSchema.shape)) {
      expect(uncommented).toMatch(new RegExp(`^${key}:`, "m"));
    }
  });

  test("quotes names that YAML would read as something else", () => {
    for (const name of ["1", "true", "null", "1e3", "0x1"]) {
      expect(parseConfig(printConfig({ ...draft, name }))).toHaveProperty("name", name);
    }
  });
});

const hookSample =
  "write for example `hooks: [{ name: mail, events: [vip, service], command: [/etc/troop/mail, root] }]`";

describe("readConfigFile refuses", () => {
  const valid = printConfig(draft);
  test.each([
    [
      "a number out of range",
      `${valid}\nport: 70000\n`,
      "port: 70000 is above 65535; write for example `port: 6940`",
    ],
    [
      "a number below",
      `${valid}\npulseMs: 5\n`,
      "pulseMs: 5 is below 20; write for example `pulseMs: 100`",
    ],
    [
      "another type",
      `${valid}\ndirector: maybe\n`,
      'director: "maybe" is not true or false; write for example `director: true`',
    ],
    [
      "a list that is none",
      `${valid}\njoin: 192.0.2.1\n`,
      'join: "192.0.2.1" is not a list; write for example `join: [192.0.2.12]`',
    ],
    [
      "a list that is too long",
      `${valid}\nheartbeat: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4]\n`,
      'heartbeat: ["10.0.0.1","10.0.0.2","10.0.0.3","10.0.0.4"] has more than 3 entries; write for example `heartbeat: [10.0.0.11]`',
    ],
    [
      "a word that is not in the list",
      `${valid}\nlog: loud\n`,
      'log: "loud" is not one of trace, debug, info, warn, error; write for example `log: info`',
    ],
    [
      "a hook without anything to call",
      `${valid}\nhooks: [{ name: mail }]\n`,
      `hooks[0]: must have either a command or a webhook; ${hookSample}`,
    ],
    [
      "a webhook that is none, without repeating it",
      `${valid}\nhooks: [{ name: chat, webhook: "ftp://secret" }]\n`,
      `hooks[0].webhook: must be an http:// or https:// URL; ${hookSample}`,
    ],
    [
      "a misspelt key of a hook",
      `${valid}\nhooks: [{ name: a, command: [/bin/true], shell: yes }]\n`,
      "hooks[0].shell: is not a key of a hook; use name, events, command, webhook, timeoutMs",
    ],
    [
      "a misspelt key",
      `${valid}\nprioritiy: 1\n`,
      "prioritiy: is not a key of this file; use cluster, name, interface, address, heartbeat, syncInterface, witness, port, http, token, join, director, realServer, priority, pulseMs, deadMs, hooks, privileges, log",
    ],
    [
      "a missing key",
      valid.replace(/^name:.*$/m, ""),
      "name: is missing; write for example `name: n1`",
    ],
    [
      "an address in brackets",
      valid.replace("192.0.2.11", "'[::1]'"),
      'address: "[::1]" is not an IPv4 or IPv6 address; write for example `address: 192.0.2.11`',
    ],
    [
      "a token cut short, without repeating it",
      valid.replace(/^token:.*$/m, "token: troop1-0123"),
      "token: is not a cluster token; copy it from another member: `troop token` prints it there",
    ],
    [
      "an HTTP endpoint by name",
      `${valid}\nhttp: localhost:80\n`,
      'http: "localhost:80" is not IP:PORT; write for example 127.0.0.1:6941, [::1]:6941 or off',
    ],
    [
      "an HTTP endpoint without a port",
      `${valid}\nhttp: 127.0.0.1:0\n`,
      'http: "127.0.0.1:0" is not IP:PORT; write for example 127.0.0.1:6941, [::1]:6941 or off',
    ],
    [
      "a member by name",
      `${valid}\njoin: [n2]\n`,
      'join[0]: "n2" is not IP or IP:PORT; write for example 192.0.2.12, 192.0.2.12:6940 or [2001:db8::12]:6940',
    ],
    [
      "a second path that is the first",
      `${valid}\nheartbeat: [192.0.2.11]\n`,
      'heartbeat[0]: "192.0.2.11" is there already; name only own addresses on further networks, each once',
    ],
    [
      "times that contradict",
      `${valid}\npulseMs: 300\n`,
      "deadMs: must be at least twice pulseMs, or one lost packet is a death; raise it or lower pulseMs",
    ],
    [
      "a key twice",
      `${valid}\nport: 1\nport: 2\n`,
      "line 63: Map keys must be unique; write one `key: value` per line",
    ],
    [
      "what is no YAML",
      "a: b: c\n",
      "line 1: Nested mappings are not allowed in compact mappings; write one `key: value` per line",
    ],
    ["an empty file", "", "file: is empty; begin anew with `troop init` or `troop join`"],
    [
      "a list",
      "- a\n",
      "file: is not a list of `key: value` lines without aliases; begin anew with `troop init` or `troop join`",
    ],
    [
      "aliases",
      "a: &a [1]\nb: *a\n",
      "file: is not a list of `key: value` lines without aliases; begin anew with `troop init` or `troop join`",
    ],
  ])("%s", (_, text, words) => {
    const home = homeWith(text);
    expect(refusalOf(() => readConfigFile(home)).message).toBe(`read ${home.config}: ${words}`);
  });

  test("several problems at once, and lists every one", () => {
    const home = homeWith(
      "cluster: a b\nname: n1\ninterface: eth0\naddress: 192.0.2.11\nport: 0\nfoo: 1\n",
    );
    const refusal = refusalOf(() => readConfigFile(home));
    expect(refusal.message).toBe(
      `read ${home.config}: 4 problems, first cluster: "a b" must start with a letter or digit and have only letters, digits, dots, dashes and underscores; mend all of them, listed below`,
    );
    expect((refusal.cause as string[]).map((line) => line.split(":")[0])).toEqual([
      "cluster",
      "port",
      "token",
      "foo",
    ]);
  });

  test("a file that is not there, and says what to run", () => {
    const home = homeIn(tempFolder());
    expect(refusalOf(() => readConfigFile(home)).message).toBe(
      `read ${home.config}: there is no such file; run \`troop --home ${home.folder} init\` for a new cluster, or \`troop --home ${home.folder} join ADDRESS --token TOKEN\``,
    );
  });

  test("a folder, a pipe and a file that is too big", () => {
    const folder = homeIn(tempFolder());
    mkdirSync(folder.config);
    expect(refusalOf(() => readConfigFile(folder)).problem).toBe("it is not a file");
    const pipe = homeIn(tempFolder());
    Bun.spawnSync(["mkfifo", pipe.config]);
    expect(refusalOf(() => readConfigFile(pipe)).problem).toBe("it is not a file");
    const big = homeWith("#".repeat(CONFIG_BYTES_MAX + 1));
    expect(refusalOf(() => readConfigFile(big)).problem).toBe("the file has more than 65536 bytes");
  });
});

describe("readConfigFile", () => {
  test("reads a file for its owner alone without a warning", () => {
    expect(readConfigFile(homeWith(printConfig(draft)))).toEqual({
      config: configSchema.parse(draft),
      warnings: [],
    });
  });

  test.each([0o640, 0o604, 0o620, 0o666])("warns of a file of mode %o", (mode) => {
    const home = homeWith(printConfig(draft), mode);
    expect(readConfigFile(home).warnings).toEqual([
      `${home.config} holds the cluster's secret and others can read or change it; run chmod 600 ${home.config}`,
    ]);
  });
});

describe("createConfigFile", () => {
  test("writes for the owner alone, makes the folder, and leaves nothing else behind", () => {
    const home = homeIn(join(tempFolder(), "a", "b"));
    createConfigFile(home, draft, "init");
    expect(readConfigFile(home)).toEqual({ config: configSchema.parse(draft), warnings: [] });
    expect(statSync(home.config).mode & 0o777).toBe(0o600);
    expect(readdirSync(home.folder!)).toEqual(["troop.yaml"]);
  });

  test("never overwrites a file, and says how to begin anew", () => {
    const home = homeWith("precious");
    const words =
      `init: ${home.config} exists, so this node is set up already; start it with \`troop --home ${home.folder} run\`, or begin anew after \`mv ${home.config} ${home.config}.old\``;
    expect(refusalOf(() => createConfigFile(home, draft, "init")).message).toBe(words);
    expect(refusalOf(() => refuseExisting(home, "init")).message).toBe(words);
    expect(readFileSync(home.config, "utf8")).toBe("precious");
    expect(readdirSync(home.folder!)).toEqual(["troop.yaml"]);
  });

  test("refuses a place where nothing can be made", () => {
    const home = homeIn("/proc/troop");
    expect(refusalOf(() => createConfigFile(home, draft, "init")).attempted).toBe(
      "make the folder /proc/troop",
    );
    expect(existsSync(home.config)).toBe(false);
  });
});
