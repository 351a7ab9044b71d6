/** Loaded before a command: sends its CPU time and its largest memory to the benchmark when it ends. */
process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuSeconds: (user + system) / 1e6, megabytes: process.resourceUsage().maxRSS / 1_024 });
});
