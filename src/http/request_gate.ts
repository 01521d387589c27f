/**
 * Holds back a crowd at the read-only endpoint: whatever comes at once, the event loop has time for pulses in between.
 */
import { createTurnShare } from "./turn_share.ts";

/** Answers under way at once; further questions are told to come back. A page of scrapers, and people's dashboards. */
export const PENDING_MAX = 128;
/** Questions answered in one turn of the event loop: some milliseconds of work, however large the cluster is. */
export const PER_TURN_MAX = 8;

/** The part of Bun's server that is looked at. */
export interface Crowd {
  /** Requests whose answer is not out yet. */
  readonly pendingRequests: number;
}

type Answer = (request: Request) => Response | Promise<Response>;

/** Puts the gate in front of what answers. */
export function requestGate(answer: Answer): (request: Request, crowd: Crowd) => Promise<Response> {
  const room = createTurnShare(PER_TURN_MAX);
  return async (request, { pendingRequests }) => {
    if (pendingRequests > PENDING_MAX) return busy();
    await room();
    return await answer(request);
  };
}

function busy(): Response {
  return new Response('{"error":"too many questions at once; ask again"}\n', {
    status: 503,
    headers: { "Content-Type": "application/json", "Retry-After": "1" },
  });
}
