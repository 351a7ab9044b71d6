import { MemoryWarehouse } from '../support/warehouse/memory-warehouse.ts';
import { contractRetentionMs, warehouseContract } from '../support/warehouse/warehouse-contract.ts';

warehouseContract('The warehouse in memory', async () => {
  const warehouse = new MemoryWarehouse(contractRetentionMs);
  return {
    warehouse,
    look: async () => warehouse.look(),
    reopen: async () => warehouse,
    close: async () => {},
  };
});
