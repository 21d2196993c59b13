/** The first word that makes the program a child of a server with workers; without a channel it is no command. */
export const childCommand = "worker-process";
