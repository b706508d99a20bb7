/**
 * A process that holds a transaction on the database it is given until it is killed: `write`, as a
 * tool with an edit that was not saved does, or `read`, as one does in which a result is looked at.
 */
import { nodePlatform } from '../../src/platform/index.ts';

const [path = '', kind] = process.argv.slice(2);
const database = nodePlatform().openDatabase(path, { durable: false });
database.exec(kind === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN');
database.prepare('SELECT count(*) FROM sqlite_master').get(); // pins what it sees
process.stdout.write('held\n');
setInterval(() => database, 1000);
