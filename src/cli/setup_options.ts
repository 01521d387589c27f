/**
 * The options `troop init` and `troop join` share: who this node is and where it talks.
 */
import type { Command } from "commander";
import { type Ip, parseEndpoint, parseIp, PORT_MAX } from "../core/address.ts";
import type { Config } from "../core/config.ts";
import { CLUSTER_PORT_DEFAULT, HTTP_DEFAULT } from "../core/config.ts";
import { nameSchema } from "../core/document/document.ts";
import { choosePlace, describeLinks, type HostFacts, nodeNameFrom } from "../core/host.ts";
import { NAME_LENGTH_MAX, NODE_PATHS_MAX, WITNESSES_MAX } from "../core/limits.ts";
import { usage } from "./session.ts";
import { readNumber } from "./words.ts";

/** The options, as typed. */
export interface SetupOptions {
  readonly name?: string;
  readonly interface?: string;
  readonly address?: string;
  readonly heartbeat?: readonly string[];
  readonly syncInterface?: string;
  readonly witness?: readonly string[];
  readonly port?: string;
  readonly http?: string;
  readonly director: boolean;
  readonly realServer: boolean;
  readonly priority?: string;
}

/** What the options come to: the part of the config that is about this node. */
export type NodeSetup = Pick<Config, "name" | "interface" | "address"> & {
  readonly heartbeat?: Ip[];
  readonly syncInterface?: string;
  readonly witness?: Config["witness"];
  readonly port?: number;
  readonly http?: string;
  readonly director?: boolean;
  readonly realServer?: boolean;
  readonly priority?: number;
};

/** Highest priority a config takes. */
const PRIORITY_MAX = 255;

/** Adds the options to a verb. */
export function addSetupOptions(command: Command): Command {
  return command
    .option("--name <node>", "name of this node (default: the host name)")
    .option(
      "--interface <if>",
      "interface that carries VIPs (default: the one with the default route)",
    )
    .option("--address <ip>", "this node's address on it (default: its first)")
    .option(
      "--heartbeat <ip>",
      "own address on another network, a second path for pulses;\nmay be repeated",
      (value: string, previous: readonly string[] | undefined) => [...previous ?? [], value],
    )
    .option(
      "--sync-interface <if>",
      "interface by which directors tell each other of connections\n(default: the one that carries VIPs)",
    )
    .option(
      "--witness <ip>",
      "whom to ask whether this node still has its public network; may be\nrepeated; or off (default: auto, the interface's default gateway)",
      (value: string, previous: readonly string[] | undefined) => [...previous ?? [], value],
    )
    .option("--port <n>", `port of gossip and pulses (default: ${CLUSTER_PORT_DEFAULT})`)
    .option(
      "--http <ip:port>",
      `where status and metrics can be read, or off (default: ${HTTP_DEFAULT})`,
    )
    .option("--no-director", "this node never holds a VIP")
    .option("--no-real-server", "this node serves nothing itself")
    .option(
      "--priority <n>",
      "preference for VIPs nobody holds, 0 to 255; higher wins (default: 100)",
    );
}

/** Reads the options against the facts of this machine. Throws a usage Refusal. */
export function readSetup(
  attempted: string,
  options: SetupOptions,
  facts: HostFacts,
): NodeSetup {
  const place = choosePlace(facts, { interface: options.interface, address: options.address });
  if ("problem" in place) throw usage(attempted, place.problem, place.remedy);
  return {
    name: readNodeName(attempted, options.name, facts),
    ...place,
    ...readHeartbeat(attempted, options.heartbeat, { facts, address: place.address }),
    ...readSyncInterface(attempted, options.syncInterface, facts),
    ...readWitness(attempted, options.witness, place.address),
    ...readPort(attempted, options.port),
    ...readHttp(attempted, options.http),
    // What has its default is left out, so that the file shows what was decided.
    ...(options.director ? {} : { director: false }),
    ...(options.realServer ? {} : { realServer: false }),
    ...readPriority(attempted, options.priority),
  };
}

/** Reads a name of a cluster or node. Throws a usage Refusal. */
export function readName(attempted: string, option: string, text: string): string {
  if (nameSchema.safeParse(text).success) return text;
  throw usage(
    attempted,
    `${option} "${text}" is not a name`,
    `begin with a letter or digit and use up to ${NAME_LENGTH_MAX} letters, digits, dots, dashes and underscores`,
  );
}

function readNodeName(attempted: string, text: string | undefined, facts: HostFacts): string {
  if (text !== undefined) return readName(attempted, "--name", text);
  const name = nodeNameFrom(facts.hostname);
  if (name === undefined) {
    throw usage(
      attempted,
      `the host name "${facts.hostname}" makes no node name`,
      "choose one with --name",
    );
  }
  return name;
}

function readHeartbeat(
  attempted: string,
  texts: readonly string[] | undefined,
  { facts, address }: { readonly facts: HostFacts; readonly address: Ip },
): Pick<NodeSetup, "heartbeat"> {
  if (texts === undefined) return {};
  const heartbeat = texts.map((text) => {
    const ip = parseIp(text);
    if (ip === undefined || !facts.links.some((link) => link.addresses.includes(ip))) {
      throw usage(
        attempted,
        `--heartbeat "${text}" is not an address of this machine`,
        `use one of ${describeLinks(facts.links)}`,
      );
    }
    return ip;
  });
  if (new Set([address, ...heartbeat]).size <= heartbeat.length) {
    throw usage(
      attempted,
      "--heartbeat names an address twice, or the node's own",
      "give each further address once",
    );
  }
  if (heartbeat.length >= NODE_PATHS_MAX) {
    throw usage(
      attempted,
      `--heartbeat is given ${heartbeat.length} times`,
      `use at most ${NODE_PATHS_MAX - 1}`,
    );
  }
  return { heartbeat };
}

function readSyncInterface(
  attempted: string,
  name: string | undefined,
  { links }: HostFacts,
): Pick<NodeSetup, "syncInterface"> {
  if (name === undefined) return {};
  if (links.some((link) => link.name === name)) return { syncInterface: name };
  throw usage(
    attempted,
    `--sync-interface "${name}" does not exist`,
    `use one of this machine: ${describeLinks(links)}`,
  );
}

function readWitness(
  attempted: string,
  texts: readonly string[] | undefined,
  own: Ip,
): Pick<NodeSetup, "witness"> {
  if (texts === undefined) return {};
  const [word] = texts;
  if (texts.length === 1 && (word === "auto" || word === "off")) return { witness: word };
  if (texts.length > WITNESSES_MAX) {
    throw usage(
      attempted,
      `--witness is given ${texts.length} times`,
      `use at most ${WITNESSES_MAX}`,
    );
  }
  const witness = texts.map((text) => {
    const ip = parseIp(text);
    if (ip !== undefined && ip !== own) return ip;
    throw usage(
      attempted,
      `--witness "${text}" is ${ip === own ? "this node itself" : "not an address, auto or off"}`,
      "name a router of the public network, which is none of the cluster's nodes",
    );
  });
  return { witness };
}

function readPort(attempted: string, text: string | undefined): Pick<NodeSetup, "port"> {
  if (text === undefined) return {};
  return { port: readNumber(attempted, { option: "--port", text, min: 1, max: PORT_MAX }) };
}

function readPriority(attempted: string, text: string | undefined): Pick<NodeSetup, "priority"> {
  if (text === undefined) return {};
  return {
    priority: readNumber(attempted, { option: "--priority", text, min: 0, max: PRIORITY_MAX }),
  };
}

function readHttp(attempted: string, text: string | undefined): Pick<NodeSetup, "http"> {
  if (text === undefined) return {};
  if (text === "off" || (parseEndpoint(text)?.port ?? 0) > 0) return { http: text };
  throw usage(
    attempted,
    `--http "${text}" is not IP:PORT`,
    "write for example 127.0.0.1:6941, [::1]:6941 or off",
  );
}
