/** Who may log in at the servers of mail, news and files in the tests. */

/** The user. */
export const MAIL_USER = "tester";
/** The password. */
export const MAIL_PASSWORD = "swordfish";
