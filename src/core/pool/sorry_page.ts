/**
 * troop's own page for services with nobody left: what it is, and whether this node has to be ready to serve it.
 */
import { fallbackProblem } from "../service/fallback.ts";
import { perDocument } from "../document/per_document.ts";
import { fallbackOf } from "./pool_judgement.ts";
import { settingNumber, settingText } from "../document/settings.ts";

/** After that many seconds clients and crawlers may ask again (RFC 9110, 10.2.3). */
export const RETRY_AFTER_S = 30;
/** Largest file that is served: a page with its styles and an image inlined. It is kept in memory. */
export const SORRY_PAGE_BYTES_MAX = 262_144;
/** What the page says when nothing is set, or the file cannot be read. */
export const SORRY_TEXT = "This service is not available just now. Please try again in a moment.";

/** What is to be served, and where. */
export interface SorryWish {
  readonly port: number;
  /** `auto`, a line of text, or the path of a file. */
  readonly page: string;
}

/** What this node has to serve; null when no service needs it here. */
export const sorryWish = perDocument((given): SorryWish | null => {
  const { self, document: { services, settings } } = given;
  const isServed = self.director &&
    services.values().some((service) =>
      fallbackOf(given, service) === "sorry" && fallbackProblem(service, "sorry") === null
    );
  if (!isServed) return null;
  return {
    port: settingNumber(settings, "sorry-port") ?? 0,
    page: settingText(settings, "sorry-page"),
  };
});
