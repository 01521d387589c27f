/**
 * The status document: one definition for `troop status --json`, `GET /api/v1/status`, the types, and the
 * published JSON schema.
 */
import { z } from "zod";
import { rotationStages } from "../state/rotation.ts";
import { witnessViews } from "../state/gateway_witness.ts";
import { whenAllFailChoices } from "../service/fallback.ts";
import { forwardings, protocols, schedulers } from "../service/service.ts";
import { persistenceSchema, schedulerFlags } from "../service/scheduling.ts";

const iso = z.string().describe("time, ISO 8601");

/** One node as the answering node sees it. */
export const statusNodeSchema = z.object({
  name: z.string(),
  id: z.string(),
  address: z.string(),
  state: z.enum(["alive", "suspect", "dead", "left"]),
  reason: z.string().describe("why the node has this state"),
  director: z.boolean(),
  realServer: z.boolean(),
  priority: z.int(),
  version: z.string(),
  unfit: z.string().nullable().describe("why the node cannot hold a VIP now, or null"),
  witness: z.enum(witnessViews).describe("what the node says of its gateway witness"),
  witnessReason: z.string().describe("that of the answering node in words; empty for others"),
  lastHeardMs: z.number().nullable().describe(
    "ms since its last pulse; null for the answering node itself",
  ),
  leaving: z.boolean(),
});

/** One VIP. */
export const statusVipSchema = z.object({
  address: z.string(),
  interface: z.string(),
  holder: z.string().nullable().describe("name of the node that holds the VIP, or null"),
  epoch: z.int(),
  reason: z.string(),
  label: z.string().nullable().describe("label of the address, or null"),
  group: z.string().nullable().describe("VIPs of one group are always held by one node"),
  prefer: z.array(z.string()).describe("names of nodes that should hold it, best first"),
  failbackS: z.int().nullable().describe(
    "seconds after which it goes back to a preferred node; null: it stays",
  ),
  services: z.int().describe("how many services have it"),
});

/** What one node says of a server. */
export const statusVerdictSchema = z.object({
  up: z.boolean(),
  reason: z.string().describe("the last result in words"),
  since: iso.describe("when it went up or down, ISO 8601"),
  tookMs: z.number().describe("how long the last check took, ms"),
  lastError: z.object({ reason: z.string(), at: iso }).nullable().describe(
    "the last failure, also after a recovery; null: none is known here",
  ),
});

/** One real server of one service. */
export const statusServerSchema = z.object({
  node: z.string().describe("name of the member; empty for a machine without an agent"),
  address: z.string(),
  port: z.int().describe("0 where the client's port is kept"),
  forwarding: z.enum(forwardings),
  tunnel: z.string().nullable().describe("how packets are wrapped, or null"),
  weight: z.int().describe("weight while it gets new connections; 0 when it is down or drained"),
  upper: z.int().describe("connections above which it gets no new ones; 0 for no limit"),
  lower: z.int().describe("connections below which it gets new ones again"),
  fallback: z.boolean().describe("serves only while the pool does not"),
  draining: z.boolean().describe("removed, and stays until its connections have ended"),
  up: z.boolean(),
  drained: z.string().nullable().describe("the maintenance it is in, in words; or null"),
  reason: z.string(),
  own: z.string().describe("the node's own verdict"),
  holder: z.string().describe(
    "the holder's verdict over the network; empty where this node does not check",
  ),
  verdicts: z.object({
    own: statusVerdictSchema.nullable().describe("the node's own; null: none is known"),
    holder: statusVerdictSchema.nullable().describe(
      "the answering node's, over the network; null where it does not check",
    ),
  }),
  activeConnections: z.int(),
  inactiveConnections: z.int(),
});

/** One virtual service. */
export const statusServiceSchema = z.object({
  name: z.string().describe("as commands name it: VIP:PORT, VIP:PORT/udp, fwmark:N"),
  address: z.string().describe("its VIP; of several, the one whose holder balances"),
  vips: z.array(z.string()).describe("all its VIPs; the holder of the first one balances"),
  port: z.int().describe("0: every port"),
  protocol: z.enum([...protocols, "fwm"]),
  mark: z.int().nullable().describe("firewall mark, or null"),
  ports: z.array(z.string()).describe(
    "ports troop marks for a mark service: tcp/80, tcp/5000-5100",
  ),
  scheduler: z.enum(schedulers),
  flags: z.array(z.enum(schedulerFlags)),
  onePacket: z.boolean(),
  persistence: persistenceSchema.nullable(),
  forwarding: z.enum(forwardings),
  tunnel: z.string().nullable(),
  members: z.boolean().describe("whether members of the cluster are candidates"),
  check: z.string(),
  pool: z.object({
    mode: z.enum(["pool", "kept", "fallback", "nothing"]).describe(
      "who gets new connections: the servers that are up, the last pool although it is down, the fallback, nobody",
    ),
    reason: z.string().describe("why, where it is not simply the pool; else empty"),
  }),
  fallback: z.string().describe(
    "who serves when nobody is left: none, sorry, ADDRESS[:PORT],METHOD",
  ),
  quorum: z.string().describe("what must be up for the pool to be used: 2 servers, 10 weight"),
  whenAllFail: z.enum(whenAllFailChoices),
  servers: z.array(statusServerSchema),
});

/** One node or server in maintenance. */
export const statusDrainSchema = z.object({
  target: z.string().describe("name of the node, or address of the machine"),
  service: z.string().nullable().describe("the only service that is meant; null: every one"),
  comment: z.string(),
  since: iso,
  until: iso.nullable().describe("when it ends by itself; null: when it is lifted"),
  activeConnections: z.int().nullable().describe(
    "established connections it still has, as the holders' kernels count them; null while that is not known",
  ),
  inactiveConnections: z.int().nullable().describe(
    "those that are closing, and UDP, which has no end",
  ),
  vips: z.array(z.string()).describe("VIPs the node still holds and another could take"),
});

/** See the head of this file. */
export const statusSchema = z.object({
  cluster: z.string(),
  node: z.string().describe("name of the node that answers"),
  time: iso,
  version: z.string(),
  nodes: z.array(statusNodeSchema),
  quorum: z.object({
    members: z.int().describe("nodes that were heard of and did not leave for good"),
    heard: z.int().describe("those the answering node hears, itself included"),
    majority: z.boolean(),
  }).nullable().describe("null while the setting quorum is off"),
  vips: z.array(statusVipSchema),
  drains: z.array(statusDrainSchema).describe("nodes and servers in maintenance"),
  rotation: z.object({
    stage: z.enum(rotationStages).describe(
      "spread: members get the new token; switch: they begin to use it; retire: the old one is about to be refused",
    ),
    waitsFor: z.array(z.string()).describe("members this stage waits for"),
  }).nullable().optional().describe("a change of the cluster's token that is under way, or null"),
  warnings: z.array(z.string()).optional().describe(
    "what is wrong between nodes and only people can mend, with what to do",
  ),
  settings: z.record(z.string(), z.string()).describe("settings of the cluster, set or standard"),
  services: z.array(statusServiceSchema),
});

/** See {@link statusSchema}. */
export type Status = z.infer<typeof statusSchema>;
/** See {@link statusNodeSchema}. */
export type StatusNode = z.infer<typeof statusNodeSchema>;
/** See {@link statusVipSchema}. */
export type StatusVip = z.infer<typeof statusVipSchema>;
/** See {@link statusServiceSchema}. */
export type StatusService = z.infer<typeof statusServiceSchema>;
/** See {@link statusDrainSchema}. */
export type StatusDrain = z.infer<typeof statusDrainSchema>;
/** See {@link statusVerdictSchema}. */
export type StatusVerdict = z.infer<typeof statusVerdictSchema>;
/** See {@link statusServerSchema}. */
export type StatusServer = z.infer<typeof statusServerSchema>;
