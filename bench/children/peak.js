/** Loaded before a program: when it ends, standard error gets one line with the most memory it ever had, in MiB. */
process.on("exit", () => {
  process.stderr.write(`peak ${Math.round(process.resourceUsage().maxRSS / 1_024)}\n`);
});
