import { MemoryWarehouse } from '../support/warehouse/memory-warehouse.ts';
import { warehouseContract } from '../support/warehouse/warehouse-contract.ts';

warehouseContract('The warehouse in memory', async () => {
  const warehouse = new MemoryWarehouse();
  return {
    warehouse,
    look: async () => warehouse.look(),
    reopen: async () => warehouse,
    close: async () => {},
  };
});
