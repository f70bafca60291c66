// Broadcast over `ws`: what one publisher sends, every subscriber gets. No store, no sign-in, no permissions: less work
// than Charge does for the same message. Started by bench with a port number; ends with its parent.
import { WebSocketServer } from "ws";

const subscribers = new Set();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false });

server.on("connection", (socket, request) => {
  const subscribed = request.url === "/subscribe";
  if (subscribed) {
    subscribers.add(socket);
    socket.on("close", () => subscribers.delete(socket));
  }
  socket.on("error", () => socket.terminate());
  socket.on("message", (data) => {
    const { id, d } = JSON.parse(data);
    const frame = JSON.stringify({ ev: "message.new", d });
    for (const subscriber of subscribers) subscriber.send(frame);
    socket.send(JSON.stringify({ id, ok: true }));
  });
  socket.send('{"ev":"hello"}');
});

process.stdin.on("end", () => process.exit(0)).resume();
