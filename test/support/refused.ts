/**
 * Looking at refusals.
 */
import { Refusal } from "../../src/core/refusal.ts";

/** The refusal a promise rejects with; anything else fails the test. */
export async function refused(promise: Promise<unknown>): Promise<Refusal> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("was not refused");
}
