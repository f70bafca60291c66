// Broadcast over Socket.IO, WebSocket transport only: what one publisher emits, everybody in the room gets. No store, no
// sign-in, no permissions: less work than Charge does for the same message. Started by bench with a port number; ends
// with its parent.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

io.on("connection", (socket) => {
  if (socket.handshake.query.role === "subscribe") socket.join("room");
  socket.on("send", (message, acknowledge) => {
    io.to("room").emit("message.new", message);
    acknowledge(true);
  });
});
http.listen(Number(process.argv[2]), "127.0.0.1");

process.stdin.on("end", () => process.exit(0)).resume();
