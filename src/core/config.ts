/**
 * The file of one node, `troop.yaml`: who this node is and where it talks. What the cluster does is in
 * the cluster document instead, which no file holds.
 */
import { z } from "zod";
import { parseIp, PORT_MAX } from "./address.ts";
import { nameSchema } from "./document/document.ts";
import { HOOKS_MAX, hookSchema } from "./hook.ts";
import { INTERFACE_LENGTH_MAX, NODE_PATHS_MAX, WITNESSES_MAX } from "./limits.ts";

/** Port of gossip (TCP) and pulses (UDP). */
export const CLUSTER_PORT_DEFAULT = 6_940;
/** Where the read-only HTTP endpoint listens. */
export const HTTP_DEFAULT = "127.0.0.1:6941";
/** A token is 32 random bytes in hexadecimal behind a prefix that names its kind and version. */
export const TOKEN_PATTERN = /^troop1-[0-9a-f]{64}$/;

/** See {@link configSchema}, `witness`. */
export const witnessWords = ["auto", "off"] as const;

const address = z.string().refine(
  (text) => parseIp(text) === text,
  "is not an IPv4 or IPv6 address",
);

/** Every knob of a node. Unknown keys are errors: a misspelt option must not be silently ignored. */
export const configSchema = z.strictObject({
  /** Name of the cluster; nodes of another cluster are ignored. */
  cluster: nameSchema,
  /** Name of this node, unique in the cluster. */
  name: nameSchema,
  /** Interface on which this node has its address and carries VIPs. */
  interface: z.string().min(1).max(INTERFACE_LENGTH_MAX),
  /** This node's own address on that interface: pulses, gossip, and where its real servers are reached. */
  address,
  /** Further own addresses (a private network) over which pulses go too: the second heartbeat path. */
  heartbeat: z.array(address).max(NODE_PATHS_MAX - 1).default([]),
  /** Interface by which connections are told to the other directors; left out: `interface`. */
  syncInterface: z.string().min(1).max(INTERFACE_LENGTH_MAX).optional(),
  /**
   * Who is asked whether this node still has its public network: `auto` (the default gateway of `interface`), `off`, or
   * addresses on that network. See core/cluster/gateway_witness.ts.
   */
  witness: z.union([z.literal(witnessWords), z.array(address).min(1).max(WITNESSES_MAX)])
    .default("auto"),
  /** TCP port of gossip and UDP port of pulses; the same on every node makes life simple, but is not required. */
  port: z.int().min(1).max(PORT_MAX).default(CLUSTER_PORT_DEFAULT),
  /** Where the read-only HTTP endpoint listens, `IP:PORT`, or `off`. */
  http: z.string().default(HTTP_DEFAULT),
  /** The cluster's secret; who has it is a member. */
  token: z.string().regex(TOKEN_PATTERN, "is not a cluster token"),
  /** Addresses (`IP` or `IP:PORT`) of members to begin with; others are learnt from them and remembered. */
  join: z.array(z.string()).default([]),
  /** Whether this node may hold VIPs. */
  director: z.boolean().default(true),
  /** Whether this node's own servers are candidates for every service. */
  realServer: z.boolean().default(true),
  /** Preference when a VIP has no holder, 0 to 255; higher wins. */
  priority: z.int().min(0).max(255).default(100),
  /** Time between two pulses on the fast beat, ms. Lower finds a dead node sooner and costs packets. */
  pulseMs: z.int().min(20).max(10_000).default(100),
  /** Silence on all paths after which a node is dead, ms. Below four pulses, one lost packet weighs too much. */
  deadMs: z.int().min(80).max(60_000).default(400),
  /** Programs and webhooks of this node that are told of events. */
  hooks: z.array(hookSchema).max(HOOKS_MAX).refine(
    (hooks) => new Set(hooks.map(({ name }) => name)).size === hooks.length,
    "has two hooks of one name",
  ).default([]),
  /**
   * Whether an agent that is started as root gives up all it does not need: `drop`, or `keep` for external checks that
   * are to run as another user or need more of root.
   */
  privileges: z.enum(["drop", "keep"]).default("drop"),
  /** Level of the log: trace, debug, info, warn, error. */
  log: z.enum(["trace", "debug", "info", "warn", "error"]).default("info"),
}).refine((config) => config.deadMs >= 2 * config.pulseMs, {
  path: ["deadMs"],
  message: "must be at least twice pulseMs, or one lost packet is a death",
});

/** See {@link configSchema}. */
export type Config = z.infer<typeof configSchema>;
