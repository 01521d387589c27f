/** The page every web server in the tests has. */

/** Text of the page, in the middle of a body that is longer than the headers. */
export const PAGE_TEXT = "Test Page";
/** The page. */
export const PAGE = `<html>${"padding ".repeat(200)}${PAGE_TEXT}${" padding".repeat(200)}</html>\n`;
/** Who may see what is below /private/. */
export const PRIVATE_USER = "tester";
/** See {@link PRIVATE_USER}. */
export const PRIVATE_PASSWORD = "swordfish";
