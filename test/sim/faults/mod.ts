/**
 * Every kind of fault a run can have. See fault_kind.ts for how to add one.
 */
import type { FaultKind } from "../fault_kind.ts";
import { kill, killAtStep, otherVersion, pause, restart } from "./agent.ts";
import { disk } from "./disk.ts";
import { gatewayDead, gatewaySilent } from "./gateway.ts";
import {
  addressAdded,
  addressDeleted,
  daemonsEnded,
  refused,
  refusedOnce,
  tableCleared,
  tableShort,
  weightsChanged,
} from "./kernel.ts";
import { crash, everyServer, outsider, suspend, wallClock, webServer } from "./machine.ts";
import { carrier, deafOrMute, oneWay, partition, split, unplug, weather } from "./network.ts";
import { addServer, addService, changeService, drainNode, moveVip } from "./operator.ts";

/** See the head of this file. */
export const faultKinds: readonly FaultKind[] = [
  unplug,
  carrier,
  partition,
  split,
  oneWay,
  deafOrMute,
  weather,
  gatewayDead,
  gatewaySilent,
  crash,
  suspend,
  wallClock,
  webServer,
  outsider,
  everyServer,
  kill,
  killAtStep,
  pause,
  restart,
  addService,
  changeService,
  addServer,
  drainNode,
  moveVip,
  refusedOnce,
  refused,
  tableShort,
  addressDeleted,
  addressAdded,
  tableCleared,
  weightsChanged,
  daemonsEnded,
  disk,
  otherVersion,
];

/** The kind of that name. */
export function faultKindOf(name: string): FaultKind {
  const kind = faultKinds.find((item) => item.name === name);
  if (kind === undefined) throw new Error(`no kind of fault is called ${name}`);
  return kind;
}
