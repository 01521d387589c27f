/**
 * Every invariant.
 */
import type { InvariantKind } from "../invariant.ts";
import { announced } from "./announcements.ts";
import { bypassed } from "./bypass.ts";
import { noConnectionCut } from "./connections.ts";
import { takenOver } from "./crashes.ts";
import { aloneLetsGo, publicCutLetsGo } from "./cut_off.ts";
import { documentsConverge, editsSurvive } from "./documents.ts";
import { outOfPool } from "./failed_servers.ts";
import { together } from "./groups.ts";
import { forAReason, handedOver, inOrder, notWhileAnswered } from "./handover.ts";
import { lastResort } from "./last_resort.ts";
import { noLoop } from "./loops.ts";
import { minorityLetsGo, onePartHolds } from "./majority.ts";
import { inPool } from "./pools.ts";
import { servesOn } from "./restarts.ts";
import { fewTakeovers } from "./takeovers.ts";
import { alone, oneHolder, twoAnswers } from "./vips.ts";
import { wakesEmpty } from "./wakings.ts";

/** See the head of this file. */
export const invariantKinds: readonly InvariantKind[] = [
  twoAnswers,
  alone,
  oneHolder,
  aloneLetsGo,
  publicCutLetsGo,
  minorityLetsGo,
  onePartHolds,
  noLoop,
  inPool,
  lastResort,
  documentsConverge,
  editsSurvive,
  fewTakeovers,
  noConnectionCut,
  inOrder,
  forAReason,
  handedOver,
  notWhileAnswered,
  together,
  announced,
  wakesEmpty,
  bypassed,
  outOfPool,
  takenOver,
  servesOn,
];
