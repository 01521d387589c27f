/**
 * Every invariant.
 */
import type { InvariantKind } from "../invariant.ts";
import { announced } from "./announcements.ts";
import { noConnectionCut } from "./connections.ts";
import { documentsConverge, editsSurvive } from "./documents.ts";
import { together } from "./groups.ts";
import { forAReason, handedOver, inOrder } from "./handover.ts";
import { noLoop } from "./loops.ts";
import { inPool } from "./pools.ts";
import { fewTakeovers } from "./takeovers.ts";
import { alone, oneHolder, twoAnswers } from "./vips.ts";
import { wakesEmpty } from "./wakings.ts";

/** See the head of this file. */
export const invariantKinds: readonly InvariantKind[] = [
  twoAnswers,
  alone,
  oneHolder,
  noLoop,
  inPool,
  documentsConverge,
  editsSurvive,
  fewTakeovers,
  noConnectionCut,
  inOrder,
  forAReason,
  handedOver,
  together,
  announced,
  wakesEmpty,
];
