/**
 * SQLite on a simulated machine: each database is a real one in a temporary directory, and its file
 * in the simulated file system is a placeholder, so that it can be listed, removed and lost like
 * any other.
 *
 * SQLite itself is taken at its word: every commit is durable, and what was open at a crash is
 * rolled back.
 */
import { copyFileSync, existsSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { openDatabase } from '../../src/platform/sqlite.ts';
import type { LosingNode } from './losing-nodes.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export class SimulatedDatabases {
  #directory: string | undefined;
  readonly #paths = new Map<LosingNode, string>();

  /** `directory`: for databases that outlive the test that makes them. */
  constructor(directory?: string) {
    this.#directory = directory;
  }

  open(placeholder: LosingNode): Database.Database {
    const path = this.#paths.get(placeholder) ?? this.#newPath(placeholder);
    return openDatabase(path, { durable: false });
  }

  /** Copies a database that is open to a new one. */
  async backUp(source: Database.Database, placeholder: LosingNode): Promise<void> {
    await source.backup(this.#newPath(placeholder), { progress: () => 512 });
  }

  /** Another machine's database, as of its last commit. Nobody may have it open. */
  copyFrom(other: SimulatedDatabases, before: LosingNode, after: LosingNode): void {
    const path = other.#paths.get(before);
    if (path !== undefined && existsSync(path)) copyFileSync(path, this.#newPath(after));
  }

  #newPath(placeholder: LosingNode): string {
    this.#directory ??= temporaryDirectory();
    const path = `${this.#directory}/${this.#paths.size}.db`;
    this.#paths.set(placeholder, path);
    return path;
  }
}
