// Node's own fetch: a request, and an upload as a stream.

const url = process.env.DAYPASS_GATEWAY_URL;
const headers = { authorization: `Bearer ${process.env.GENESYSCLOUD_ACCESS_TOKEN}` };
const size = Number(process.argv[2]);
const body = new ReadableStream({
  start(controller) {
    for (let left = size; left > 0; left -= 65536) controller.enqueue(new Uint8Array(Math.min(left, 65536)));
    controller.close();
  },
});
const get = await fetch(`${url}/api/v2/users?pageSize=5`, { headers });
const post = await fetch(`${url}/api/upload`, { method: 'POST', headers, body, duplex: 'half' });
console.log(get.status, (await get.json()).entities.length, post.status, (await post.json()).body_bytes);
