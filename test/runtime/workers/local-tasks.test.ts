import { LocalTasks } from '../../../src/runtime/workers/local-tasks.ts';
import { taskHostContract } from '../../contracts/task-host.ts';
import { hosted } from '../../support/hosted-job.ts';

taskHostContract('LocalTasks', (parts) => new LocalTasks({ ...parts, graph: hosted.graph }));
