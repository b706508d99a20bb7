/**
 * A process that holds a write transaction on the database it is given, as a tool with an edit that
 * was not saved does, until it is killed.
 */
import { nodePlatform } from '../../src/platform/index.ts';

const database = nodePlatform().openDatabase(process.argv[2] ?? '', { durable: false });
database.exec('BEGIN IMMEDIATE');
process.stdout.write('held\n');
setInterval(() => database, 1000);
