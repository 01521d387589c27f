/**
 * The status document: one definition for `troop status --json`, `GET /api/v1/status`, the types, and the
 * published JSON schema.
 */
import { z } from "zod";
import { forwardings, protocols, schedulers } from "./service.ts";

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
});

/** One real server of one service. */
export const statusServerSchema = z.object({
  node: z.string(),
  address: z.string(),
  port: z.int(),
  weight: z.int(),
  up: z.boolean(),
  reason: z.string(),
  own: z.string().describe("the node's own verdict"),
  holder: z.string().describe(
    "the holder's verdict over the network; empty where this node does not check",
  ),
  activeConnections: z.int(),
  inactiveConnections: z.int(),
});

/** One virtual service. */
export const statusServiceSchema = z.object({
  address: z.string(),
  port: z.int(),
  protocol: z.enum(protocols),
  scheduler: z.enum(schedulers),
  forwarding: z.enum(forwardings),
  check: z.string(),
  servers: z.array(statusServerSchema),
});

/** See the head of this file. */
export const statusSchema = z.object({
  cluster: z.string(),
  node: z.string().describe("name of the node that answers"),
  time: iso,
  version: z.string(),
  nodes: z.array(statusNodeSchema),
  vips: z.array(statusVipSchema),
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
/** See {@link statusServerSchema}. */
export type StatusServer = z.infer<typeof statusServerSchema>;
