/**
 * The certificates real servers show in tests: valid, expired, and of an authority nobody trusts.
 */
import { certificates, type Pair } from "../support/certificates.ts";

/** What a server is started with. */
export interface ServerCertificate {
  readonly pair: Pair;
  /** Certificate of the authority the good ones are signed by, PEM. */
  readonly authority: string;
}

/** Name in all of them. */
export const CERTIFICATE_NAME = "www.example.org";

/** The certificate of that name: `good`, `expired`, or `stranger`, which a foreign authority signed. */
export async function serverCertificate(
  name: "good" | "expired" | "stranger",
): Promise<ServerCertificate> {
  const { authority, pairs } = await certificates();
  return { pair: pairs[name]!, authority };
}
