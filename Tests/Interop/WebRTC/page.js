// A phone in a page: SIP over WebSocket (RFC 7118) as small as a test needs it, and the browser's own RTCPeerConnection.
//
// `phone.start(options)` registers, without a password, and calls or waits. Each event goes to the function `tell`, which the driver
// has put into the page: `registered`, `ringing`, `offer`/`answer` (a description), `connected`, `did …`, `ended`, `failed …`, `sound …`.
"use strict";

const rate = 48000;

// Puts the samples of the first channel into messages, in blocks that are not too small.
const collector = `registerProcessor("collector", class extends AudioWorkletProcessor {
  constructor() { super(); this.block = new Float32Array(${rate / 10}); this.used = 0; }
  process([input]) {
    const samples = input[0] ?? new Float32Array(128);
    for (const sample of samples) {
      this.block[this.used++] = sample;
      if (this.used == this.block.length) { this.port.postMessage(this.block); this.used = 0; }
    }
    return true;
  }
});`;

const token = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), byte => byte.toString(16).padStart(2, "0")).join("");
const octets = base64 => Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));

function text(bytes) {
  let letters = "";
  for (let start = 0; start < bytes.length; start += 0x8000) {
    letters += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(letters);
}

// All values of a header, by its full name.
function fields(message, name) {
  const head = message.split("\r\n\r\n", 1)[0];
  return head.split("\r\n").slice(1).filter(line => line.toLowerCase().startsWith(name.toLowerCase() + ":"))
    .map(line => line.slice(name.length + 1).trim());
}

const body = message => message.slice(message.indexOf("\r\n\r\n") + 4);

class Phone {
  async start(options) {
    this.options = options;
    this.host = token() + ".invalid";
    this.contact = `<sip:${options.user}@${this.host};transport=ws>`;
    this.own = `<sip:${options.user}@${options.domain}>`;
    this.number = 0;
    this.waiting = new Map();
    this.recorded = [];
    if (!this.options.hidesAddresses) {
      // With leave to hear the microphone, which is not used, the page learns all addresses of this host.
      const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
      for (const track of microphone.getTracks()) track.stop();
    }
    await this.openSound();
    this.socket = new WebSocket(options.server, "sip");
    this.socket.onmessage = event => this.receive(event.data).catch(error => tell(`failed ${error}`));
    this.socket.onclose = event => tell(`closed ${event.code}`);
    await new Promise(resolve => { this.socket.onopen = resolve; });
    const uri = `sip:${options.domain}`;
    const { status } = await this.ask("REGISTER", uri, { call: token(), local: `${this.own};tag=${token()}`, remote: this.own });
    tell(status == 200 ? "registered" : `not registered ${status}`);
    if (options.target) await this.call(options.target);
  }

  // MARK: Sound

  async openSound() {
    this.context = new AudioContext({ sampleRate: rate });
    await this.context.resume();
    await this.context.audioWorklet.addModule(URL.createObjectURL(new Blob([collector], { type: "text/javascript" })));
    this.clip = await this.context.decodeAudioData(octets(this.options.clip).buffer);
    this.output = this.context.createMediaStreamDestination();
    // Silence, so that there is something to send from the start.
    const silence = this.context.createConstantSource();
    silence.offset.value = 0;
    silence.connect(this.output);
    silence.start();
  }

  // Says the clip, and hangs up behind it.
  speak() {
    const source = this.context.createBufferSource();
    source.buffer = this.clip;
    source.connect(this.output);
    source.onended = () => {
      tell("said");
      setTimeout(() => this.hangUp(), 1000);
    };
    source.start();
  }

  listen(stream) {
    // Chromium decodes what comes from afar only for an element.
    this.element = new Audio();
    this.element.muted = true;
    this.element.srcObject = stream;
    this.element.play();
    const node = new AudioWorkletNode(this.context, "collector", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = event => this.recorded.push(event.data);
    this.context.createMediaStreamSource(stream).connect(node);
  }

  // MARK: The connection

  open() {
    const connection = new RTCPeerConnection({ bundlePolicy: this.options.bundle ?? "max-bundle" });
    this.connection = connection;
    this.candidates = [];
    connection.onicecandidate = event => {
      if (event.candidate?.candidate) this.candidates.push(event.candidate);
      this.trickle();
    };
    connection.ontrack = event => {
      if (event.track.kind == "video") return this.watch(new MediaStream([event.track]));
      // What was held is the same track when it is taken up again.
      if (this.element) return;
      // A buffer that follows the jitter would shorten or draw out a word or two.
      event.receiver.jitterBufferTarget = 200;
      this.listen(new MediaStream([event.track]));
    };
    connection.onconnectionstatechange = () => {
      tell(connection.connectionState);
      if (connection.connectionState == "connected" && !this.isOn) {
        this.isOn = true;
        this.proceed().catch(error => tell(`failed ${error}`));
      }
    };
  }

  // Does what it was told to do in the call, and speaks.
  async proceed() {
    while (!this.dialog?.isUp) await new Promise(resolve => setTimeout(resolve, 20));
    for (const step of this.options.steps ?? []) {
      const sender = this.connection.getTransceivers()[0];
      if (step == "hold") sender.direction = "sendonly";
      if (step == "resume") sender.direction = "sendrecv";
      await this.renew({ iceRestart: step == "restart" });
      tell(`did ${step} ${this.connection.getTransceivers()[0].currentDirection}`);
    }
    this.speak();
  }

  // Offers anew in the call.
  async renew(options) {
    await this.connection.setLocalDescription(await this.connection.createOffer(options));
    await this.gathered();
    const description = this.connection.localDescription.sdp;
    tell(`offer ${JSON.stringify(description)}`);
    const { status, message, number } = await this.ask("INVITE", this.dialog.target, this.dialog, description);
    if (status >= 300) throw new Error(`refused by ${status}`);
    this.acknowledge(this.dialog, number);
    tell(`heard ${JSON.stringify(body(message))}`);
    await this.connection.setRemoteDescription({ type: "answer", sdp: body(message) });
  }

  // Chromium decodes pictures only for an element that shows them.
  watch(stream) {
    this.screen = document.createElement("video");
    this.screen.muted = true;
    this.screen.srcObject = stream;
    document.body.append(this.screen);
    this.screen.play();
  }

  // A picture that moves.
  draw() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [320, 240];
    const pen = canvas.getContext("2d");
    let turn = 0;
    setInterval(() => {
      pen.fillStyle = `hsl(${turn++ * 7 % 360} 80% 50%)`;
      pen.fillRect(turn % 300, turn % 220, 20, 20);
    }, 50);
    return canvas.captureStream(20);
  }

  addSound() {
    this.connection.addTrack(this.output.stream.getAudioTracks()[0], this.output.stream);
    if (this.options.video) {
      this.picture ??= this.draw();
      // In a stream of its own: sound that is kept in step with pictures would be drawn out.
      this.connection.addTrack(this.picture.getVideoTracks()[0], this.picture);
    }
    if (!this.options.codec) return;
    const codecs = RTCRtpSender.getCapabilities("audio").codecs
      .filter(codec => [this.options.codec, "audio/telephone-event"].some(type => type.toLowerCase() == codec.mimeType.toLowerCase()));
    this.connection.getTransceivers()[0].setCodecPreferences(codecs);
  }

  // All candidates at once, unless they are told one by one.
  gathered() {
    if (this.options.trickles) return;
    return new Promise(resolve => {
      const look = () => { if (this.connection.iceGatheringState == "complete") resolve(); };
      this.connection.addEventListener("icegatheringstatechange", look);
      look();
    });
  }

  async makeOffer() {
    this.open();
    this.addSound();
    await this.connection.setLocalDescription(await this.connection.createOffer());
    await this.gathered();
    tell(`offer ${JSON.stringify(this.connection.localDescription.sdp)}`);
    return this.connection.localDescription.sdp;
  }

  async makeAnswer(offer) {
    const isNew = !this.dialog.isUp;
    if (isNew) this.open();
    await this.connection.setRemoteDescription({ type: "offer", sdp: offer });
    if (isNew) this.addSound();
    const answer = await this.connection.createAnswer();
    if (this.options.setup) answer.sdp = answer.sdp.replace(/a=setup:\w+/g, `a=setup:${this.options.setup}`);
    await this.connection.setLocalDescription(answer);
    await this.gathered();
    tell(`answer ${JSON.stringify(this.connection.localDescription.sdp)}`);
    return this.connection.localDescription.sdp;
  }

  // Tells all candidates that there are, by one INFO at a time (RFC 8840 section 4.4).
  async trickle() {
    if (!this.options.trickles || !this.dialog?.isUp || this.isTelling) return;
    this.isTelling = true;
    let told;
    do {
      const ends = this.connection.iceGatheringState == "complete";
      told = `${this.candidates.length} ${ends}`;
      const description = this.connection.localDescription.sdp;
      const lines = [...description.matchAll(/^a=(ice-ufrag|ice-pwd):.*$/gm)].map(match => match[0].trim());
      lines.push("m=audio 9 RTP/AVP 0", /^a=mid:.*$/m.exec(description)[0].trim());
      lines.push(...this.candidates.map(candidate => `a=${candidate.candidate}`), ...(ends ? ["a=end-of-candidates"] : []));
      const { status } = await this.ask(
        "INFO", this.dialog.target, this.dialog, lines.join("\r\n") + "\r\n", "application/trickle-ice-sdpfrag",
        ["Info-Package: trickle-ice", "Content-Disposition: Info-Package"]);
      tell(`told ${this.candidates.length}${ends ? ", the last" : ""}: ${status}`);
    } while (told != `${this.candidates.length} ${this.connection.iceGatheringState == "complete"}`);
    this.isTelling = false;
  }

  // What the transport says of itself, and then the sound, as float samples of 32 bits.
  async finish() {
    const report = [...(await this.connection.getStats()).values()];
    const transport = report.find(entry => entry.type == "transport") ?? {};
    const inbound = report.find(entry => entry.type == "inbound-rtp" && entry.kind == "audio") ?? {};
    const pictures = report.find(entry => entry.type == "inbound-rtp" && entry.kind == "video") ?? {};
    const pair = report.find(entry => entry.id == transport.selectedCandidatePairId) ?? {};
    const remote = report.find(entry => entry.id == pair.remoteCandidateId) ?? {};
    const codec = report.find(entry => entry.id == inbound.codecId) ?? {};
    tell(`report ${JSON.stringify({
      dtlsRole: transport.dtlsRole, iceRole: transport.iceRole, srtpCipher: transport.srtpCipher, tls: transport.tlsVersion,
      codec: codec.mimeType, received: inbound.packetsReceived, lost: inbound.packetsLost, concealed: inbound.concealedSamples,
      frames: pictures.framesDecoded, transports: report.filter(entry => entry.type == "transport").length,
      port: remote.port,
    })}`);
    this.connection.close();
    for (const block of this.recorded) tell(`sound ${text(new Uint8Array(block.buffer))}`);
    this.recorded = [];
    tell("ended");
  }

  // MARK: Signalling

  send(lines, content = "", type = "application/sdp") {
    const head = content ? [...lines, `Content-Type: ${type}`] : lines;
    this.socket.send([...head, `Content-Length: ${new TextEncoder().encode(content).length}`, "", content].join("\r\n"));
  }

  // What it takes by INFO.
  get packages() { return this.options.trickles ? ["Supported: trickle-ice", "Recv-Info: trickle-ice"] : []; }

  ask(method, uri, dialog, content, type, extra = []) {
    const number = ++this.number;
    const via = `SIP/2.0/WS ${this.host};branch=z9hG4bK${token()}`;
    this.send([
      `${method} ${uri} SIP/2.0`, `Via: ${via}`, "Max-Forwards: 70", `From: ${dialog.local}`, `To: ${dialog.remote}`,
      `Call-ID: ${dialog.call}`, `CSeq: ${number} ${method}`, ...(dialog.routes ?? []).map(route => `Route: ${route}`),
      `Contact: ${this.contact}`, ...(method == "INVITE" ? this.packages : extra),
    ], content, type);
    return new Promise(resolve => this.waiting.set(`${number} ${method}`, message => {
      const status = Number(message.split(" ")[1]);
      if (status >= 200) resolve({ status, message, number });
      else if (status == 180) tell("ringing");
    }));
  }

  async call(target) {
    const dialog = { call: token(), local: `${this.own};tag=${token()}`, remote: `<${target}>` };
    const { status, message, number } = await this.ask("INVITE", target, dialog, await this.makeOffer());
    if (status >= 300) {
      // Its ACK is left out: nothing more is wanted of the server.
      return tell(`rejected ${status}`);
    }
    dialog.remote = fields(message, "To")[0];
    dialog.routes = fields(message, "Record-Route").reverse();
    dialog.target = /<(.*?)>/.exec(fields(message, "Contact")[0])[1];
    this.dialog = dialog;
    this.acknowledge(dialog, number);
    tell(`heard ${JSON.stringify(body(message))}`);
    await this.connection.setRemoteDescription({ type: "answer", sdp: body(message) });
    dialog.isUp = true;
    this.trickle();
  }

  acknowledge(dialog, number) {
    this.send([
      `ACK ${dialog.target} SIP/2.0`, `Via: SIP/2.0/WS ${this.host};branch=z9hG4bK${token()}`, "Max-Forwards: 70",
      `From: ${dialog.local}`, `To: ${dialog.remote}`, `Call-ID: ${dialog.call}`, `CSeq: ${number} ACK`,
      ...dialog.routes.map(route => `Route: ${route}`),
    ]);
  }

  async receive(message) {
    const [first, second] = message.split("\r\n", 1)[0].split(" ");
    if (first == "SIP/2.0") return this.waiting.get(fields(message, "CSeq")[0])?.(message);
    if (first == "INVITE" && this.dialog?.isUp) {
      tell(`heard ${JSON.stringify(body(message))}`);
      this.respond(message, "200 OK", await this.makeAnswer(body(message)));
    } else if (first == "INVITE") {
      this.dialog = {
        call: fields(message, "Call-ID")[0], local: `${fields(message, "To")[0]};tag=${token()}`,
        remote: fields(message, "From")[0], target: /<(.*?)>/.exec(fields(message, "Contact")[0])[1],
        routes: fields(message, "Record-Route"),
      };
      this.respond(message, "180 Ringing");
      tell(`heard ${JSON.stringify(body(message))}`);
      this.respond(message, "200 OK", await this.makeAnswer(body(message)));
    } else if (first == "BYE") {
      this.respond(message, "200 OK");
      await this.finish();
    } else if (first == "ACK") {
      this.dialog.isUp = true;
      this.trickle();
    } else {
      this.respond(message, "200 OK");
    }
  }

  respond(request, status, content) {
    const to = fields(request, "To")[0];
    this.send([
      `SIP/2.0 ${status}`, ...fields(request, "Via").map(via => `Via: ${via}`),
      ...fields(request, "Record-Route").map(route => `Record-Route: ${route}`), `From: ${fields(request, "From")[0]}`,
      `To: ${to.includes("tag=") || !this.dialog ? to : this.dialog.local}`, `Call-ID: ${fields(request, "Call-ID")[0]}`,
      `CSeq: ${fields(request, "CSeq")[0]}`, `Contact: ${this.contact}`, ...this.packages,
    ], content);
  }

  async hangUp() {
    const { status } = await this.ask("BYE", this.dialog.target, this.dialog);
    tell(`hung up ${status}`);
    await this.finish();
  }
}

window.phone = new Phone();
