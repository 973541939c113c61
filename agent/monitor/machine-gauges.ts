/** What the machine under the agent reports of itself: CPU, memory, disk, temperature. */

/**
 * Loaded when first asked, because it is large and the first prediction should not wait for it.
 * @param folder whose disk is meant
 * @returns gauges by name with their unit; what this machine cannot tell is absent
 */
export async function machineGauges(folder: string): Promise<Record<string, number>> {
  const { currentLoad, cpuTemperature, fsSize, mem } = await import('systeminformation');
  const [load, temperature, memory, disks] = await Promise.all([
    currentLoad(),
    cpuTemperature(),
    mem(),
    fsSize(),
  ]);
  const disk = disks
    .filter(({ mount }) => folder.startsWith(mount))
    .sort((a, b) => b.mount.length - a.mount.length)[0];
  const gauges: Record<string, number | null | undefined> = {
    cpuPercent: load.currentLoad,
    cpuTemperatureC: temperature.main,
    memoryAvailableBytes: memory.available,
    diskAvailableBytes: disk?.available,
  };
  return Object.fromEntries(
    Object.entries(gauges).filter((entry): entry is [string, number] => Number.isFinite(entry[1])),
  );
}
