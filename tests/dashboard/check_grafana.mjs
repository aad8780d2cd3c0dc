// check_grafana.mjs FILE…: whether dashboards are what Grafana's own types (@grafana/schema) say a dashboard is.
// Run by dashboard_test.py, in a folder where package.json's modules are installed.
import fs from 'node:fs';
import Ajv from 'ajv';
import tsj from 'ts-json-schema-generator';

const path = 'node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen.d.ts';
const generator = tsj.createGenerator({path, type: 'Dashboard', skipTypeCheck: true, additionalProperties: false});
const validate = new Ajv({allErrors: true, strict: false}).compile(generator.createSchema('Dashboard'));
// What the data source Prometheus adds to an annotation: the types know no data source's own fields.
const ofPrometheus = ['expr', 'step', 'titleFormat', 'tagKeys'];

let wrong = 0;
for (const file of process.argv.slice(2)) {
  const dashboard = JSON.parse(fs.readFileSync(file));
  for (const annotation of dashboard.annotations.list) for (const field of ofPrometheus) delete annotation[field];
  if (validate(dashboard)) continue;
  wrong++;
  for (const error of validate.errors) console.log(`${file}: ${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`);
}
process.exit(wrong ? 1 : 0);
