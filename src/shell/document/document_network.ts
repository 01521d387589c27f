/**
 * What the document store needs of the network: tell everybody an update, and talk to one peer.
 */
import type { NodeId } from "../../core/document/document.ts";
import type { Frames } from "../gossip/frames.ts";

/** Called for what arrives from peers. */
export interface DocumentHandlers {
  /** An update somebody published. */
  update(update: Uint8Array): void;
  /** A peer opened a stream to synchronize. Errors are the stream's, and end it. */
  serve(frames: Frames): Promise<void>;
}

/** See the head of this file. */
export interface DocumentNetwork {
  /** Tells every connected peer; resolves with how many it was sent to. Never rejects. */
  publish(update: Uint8Array): Promise<number>;
  /** Opens a stream to a connected peer. Rejects when there is no connection. */
  open(peer: NodeId): Promise<Frames>;
  /** Says who takes what arrives. What arrives before is dropped; synchronization brings it back. */
  attach(handlers: DocumentHandlers): void;
}

/** Largest update that is published, bytes; what is larger travels by synchronization alone. */
export const UPDATE_BYTES_MAX = 1_048_576;
/** Largest document, encoded, bytes: a full one (4,096 services with long checks), its history, and what each agent's start left. */
export const DOCUMENT_BYTES_MAX = 16 * 1_048_576;
/** From this size on people are told that the document is about to be full, bytes: a quarter is left for them to act. */
export const DOCUMENT_BYTES_TOLD = DOCUMENT_BYTES_MAX * 3 / 4;
/**
 * Largest frame of a synchronization, bytes: a piece of 16 KiB with one entry over, or every range that was ever
 * removed, or what a replica has seen of some 200,000 writers.
 */
export const SYNCHRONIZE_FRAME_BYTES_MAX = 2 * 1_048_576;
/** Time one synchronization may take, ms. */
export const SYNCHRONIZE_TIMEOUT_MS = 10_000;
