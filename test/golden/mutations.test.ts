/**
 * Mutation proof: each rule that protects what was committed is broken once, and the random faults must notice. A harness
 * that does not notice would prove nothing.
 *
 * Syncs are taken out through the file layer, all that make one kind of thing durable: where two of them can stand in for
 * one another (who makes a name, and who finds it), one alone is not missed here. Each of those alone is held by "a power
 * cut" in test/faults/broker-io.test.ts and "what another process wrote and died before it synced" in
 * test/faults/several-processes.test.ts. Other rules are broken in a copy of the sources with one line changed.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { changed, type Mutant, Mutants, proves, unfenced } from '../support/mutants.ts';
import type * as CrashRunner from './crash-runner.ts';
import { type FaultKind, type Mutate, runWithoutFaults, violationOf } from './crash-runner.ts';

const seedsMax = 80;

interface LostSync {
  readonly what: string;
  readonly kind: 'file' | 'directory';
  readonly path: RegExp;
}

const lostSyncs: readonly LostSync[] = [
  { what: 'entries', kind: 'file', path: /\/journal\/.*\.journal$/ },
  { what: 'names of journal files', kind: 'directory', path: /\/journal$/ },
  { what: 'sorted segments', kind: 'file', path: /\/topics\/.*\/sorted-\d+\.log$/ },
  { what: 'segments of large appends', kind: 'file', path: /\/topics\/.*\/large-\d+\.log$/ },
  { what: 'names of segments', kind: 'directory', path: /\/topics\/[^/]+\/\d+$/ },
  { what: 'names of partitions', kind: 'directory', path: /\/topics\/[^/]+$/ },
  { what: 'names of topics', kind: 'directory', path: /\/topics$/ },
  { what: 'the identity', kind: 'file', path: /millrace\.json\.new$/ },
  { what: 'the name of the identity', kind: 'directory', path: /\/data$/ },
  { what: 'the name of the directory', kind: 'directory', path: /^\/$/ },
  { what: 'names of state directories', kind: 'directory', path: /\/state$/ },
];

describe.runIf(proves)('a power cut shows that it is missing: the sync of', () => {
  test.each(lostSyncs)('$what', async ({ kind, path }) => {
    const mutate: Mutate = (machine) => {
      machine.files.ignoreSync = (of, what) => what === kind && path.test(of);
    };
    expect(
      await seedsUntilViolation({ violationOf, runWithoutFaults }, ['power cut'], mutate),
    ).toBeLessThan(seedsMax);
  });
});

interface GoldenMutant extends Mutant {
  readonly faults: readonly FaultKind[];
  /** Tried before all others: found it once, and does as long as the steps of a run stay. */
  readonly firstSeed?: number;
}

const headerSync = (writer: string) =>
  [
    'broker/journal-file.ts',
    `    file.write(encodeHeader(header), 0);\n    file.sync();\n${writer}`,
    `    file.write(encodeHeader(header), 0);\n${writer}`,
  ] as const;

const mutants: readonly GoldenMutant[] = [
  {
    rule: 'an entry is durable before it is acknowledged',
    faults: ['power cut'],
    changes: [['broker/journal.ts', '.written`);\n    this.#sync();\n', '.written`);\n']],
  },
  {
    rule: 'a journal file made at once is durable before its name',
    faults: ['power cut'],
    firstSeed: 13,
    changes: [headerSync('  } finally {\n    file.close();\n  }\n}\n\n/**\n * The same')],
  },
  {
    rule: 'a journal file made ahead is durable before its name',
    faults: ['power cut'],
    changes: [headerSync('  } finally {\n    file.close();\n  }\n}\n\n/**\n * Gives')],
  },
  {
    rule: 'only the newest incarnation commits',
    faults: ['zombie'],
    changes: unfenced,
  },
  {
    rule: 'the checksum of an entry is checked',
    faults: ['torn write', 'power cut'],
    firstSeed: 41,
    changes: [
      ['broker/entry-codec.ts', 'if (crc32c(view, 8, length) !== checksum) return undefined;', ''],
    ],
  },
  {
    rule: 'the mark comes after its entry',
    faults: ['kill'],
    changes: [
      [
        'broker/journal.ts',
        '    this.#file.file.write(bytes, position);\n',
        '    mark.write(sequence, journal);\n    this.#file.file.write(bytes, position);\n',
      ],
    ],
  },
  {
    rule: 'a commit is answered after it was written',
    faults: ['kill'],
    firstSeed: 63,
    changes: [
      [
        'broker/committer.ts',
        '    const group = this.#gather();\n',
        '    const group = this.#gather();\n' +
          '    for (const { waiting, answer } of group.planned) waiting.resolve(answer);\n',
      ],
    ],
  },
  {
    rule: 'a large append is durable before the entry that names it',
    faults: ['power cut'],
    changes: [['broker/embedded-store.ts', '      this.#large.sync();\n', '']],
  },
  {
    rule: 'a sorted file goes only after the catalogue is saved',
    faults: ['kill'],
    firstSeed: 49,
    changes: [
      [
        'broker/housekeeper.ts',
        '      await this.#saveCatalogue();\n      await this.#removeFiles();',
        '      await this.#removeFiles();\n      await this.#saveCatalogue();',
      ],
    ],
  },
  {
    rule: 'positions and outputs are one entry',
    faults: ['kill'],
    changes: [
      [
        'broker/requests.ts',
        "{ kind: 'commit', task: name, incarnation, epoch, clockMs, positions },",
        "{ kind: 'commit', task: name, incarnation, epoch, clockMs, positions: [] },",
      ],
    ],
  },
  {
    rule: 'only what is committed is folded',
    faults: ['kill'],
    changes: [
      [
        'runtime/folding.ts',
        '      from: this.#folded,\n      through,',
        '      from: this.#folded,\n      through: through + 3,',
      ],
    ],
  },
  {
    rule: 'the watermark is restored',
    faults: ['kill'],
    changes: [
      ['runtime/assemble-task.ts', 'if (snapshot !== undefined) time.restore(snapshot);', ''],
    ],
  },
];

const copies = new Mutants('golden', ['test/golden']);

describe('a fault shows that it is broken: the rule that', () => {
  test.each(mutants)('$rule', async ({ faults, firstSeed, ...mutant }) => {
    if (!proves) return void changed(mutant);
    const runner: typeof CrashRunner = await import(
      pathToFileURL(join(copies.make(mutant), 'test/golden/crash-runner.ts')).href
    );
    const intact = await runWithoutFaults();
    const seeds = await seedsUntilViolation(
      { violationOf: runner.violationOf, runWithoutFaults: async () => intact },
      faults,
      () => {},
      firstSeed,
    );
    expect(seeds).toBeLessThan(seedsMax);
  });
});

/** How many seeds it takes until a fault shows what was mutated: `seedsMax` where none does. */
async function seedsUntilViolation(
  runner: Pick<typeof CrashRunner, 'violationOf' | 'runWithoutFaults'>,
  faults: readonly FaultKind[],
  mutate: Mutate,
  firstSeed = 1,
): Promise<number> {
  const expected = await runner.runWithoutFaults();
  for (let tried = 0; tried < seedsMax; tried++) {
    const seed = 1 + ((firstSeed - 1 + tried) % seedsMax);
    for (const fault of faults) {
      if ((await runner.violationOf(expected, fault, seed, mutate)) !== undefined) return tried;
    }
  }
  return seedsMax;
}
