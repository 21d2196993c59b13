/** How a question and a change are put to the database. */
export interface Ways {
  read<T>(question: () => T): T;
  change<T>(work: () => T): Promise<T>;
}
