"use strict";
// Shows the volumes of the page with the viewer library that comes with it. Starts on request; without WebGL 2 the key
// images stay. All words stand in the page, so that they can be translated; none is made here.
(() => {
  const root = document.getElementById("viewer");
  const settings = JSON.parse(root.dataset.settings);
  const by = (id) => document.getElementById(id);
  const say = (state) => {
    for (const part of root.querySelectorAll("[data-state]")) part.hidden = part.dataset.state !== state;
    root.dataset.now = state;
  };
  const base64 = (name) => document.querySelector(`template[data-volume="${name}"]`)?.content.textContent.trim();

  async function unpacked(name) {
    const packed = Uint8Array.from(atob(base64(name)), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function run(script) {
    return new Promise((done, failed) => {
      script.onload = done;
      script.onerror = () => failed(new Error("library"));
      document.head.append(script);
      if (!script.src) done();
    });
  }

  async function library() {
    if (window.niivue) return;
    const script = document.createElement("script");
    if (settings.library) script.src = settings.library;
    else script.textContent = new TextDecoder().decode(await unpacked("library"));
    await run(script); // the page's content policy lets only the text with the recorded hash run
    if (!window.niivue) throw new Error("library");
  }

  const views = []; // one instance per kind of picture: CT, PET, fused
  let ceiling = settings.ceiling;
  let opacity = 0.55;

  const layers = {
    ct: () => [["ct", { colormap: "gray", cal_min: settings.window[0], cal_max: settings.window[1] }]],
    pet: () => [["pet", { colormap: "gray", cal_min: 0, cal_max: ceiling }]],
    fused: () => [...layers.ct(), ["pet", { colormap: "hot", cal_min: 0.04 * ceiling, cal_max: ceiling, opacity }]],
  };

  async function open(canvas) {
    const { Niivue, NVImage, MULTIPLANAR_TYPE, SHOW_RENDER, DRAG_MODE } = window.niivue;
    const kind = canvas.dataset.view;
    const view = new Niivue({
      backColor: kind === "pet" ? [1, 1, 1, 1] : [0, 0, 0, 1],
      fontColor: kind === "pet" ? [0, 0, 0, 1] : [1, 1, 1, 1],
      crosshairColor: [0.94, 0.65, 0, 0.9],
      crosshairWidth: 0.4,
      crosshairGap: 8,
      isRadiologicalConvention: true,
      sagittalNoseLeft: true, // as in the key images
      isOrientCube: false,
      isRuler: false,
      show3Dcrosshair: false,
      isCornerOrientationText: true,
      dragAndDropEnabled: false,
      loadingText: "",
      dragMode: DRAG_MODE.contrast,
      multiplanarLayout: MULTIPLANAR_TYPE.ROW,
      multiplanarShowRender: SHOW_RENDER.NEVER,
      multiplanarPadPixels: 4,
      logLevel: "silent",
    });
    await view.attachToCanvas(canvas);
    if (!view.gl) throw new Error("webgl");
    const names = [];
    for (const [name, how] of layers[kind]()) {
      const image = await NVImage.loadFromBase64({ base64: base64(name), name: `${name}.nii.gz`, ...how });
      if (kind === "pet") image.colormapInvert = true;
      view.addVolume(image);
      names.push(name);
    }
    const map = settings.saliency[kind];
    if (map) {
      for (const [name, colours] of Object.entries(settings.veils)) view.addColormap(name, colours);
      const top = settings.saliency_top;
      const how = { colormap: "raises", colormapNegative: "lowers", cal_min: 0.99 * top, cal_max: top, opacity: 0 };
      const image = await NVImage.loadFromBase64({ base64: base64(`saliency-${map}`), name: `s-${map}.nii.gz`, ...how });
      image.colormapType = 1; // below cal_min the opacity is the square of the value
      view.addVolume(image);
      names.push("saliency");
    }
    if (base64("mask")) {
      view.loadDrawing(await NVImage.loadFromBase64({ base64: base64("mask"), name: "mask.nii.gz" }));
      view.setDrawColormap({ R: [0, 0], G: [0, 194], B: [0, 168], A: [0, 255], labels: ["", ""] });
      view.opts.drawingEnabled = false;
    }
    view.setSliceType(view.sliceTypeMultiplanar);
    view.opts.isColorbar = false;
    view.scene.crosshairPos = view.mm2frac(settings.point);
    views.push({ view, kind, names });
  }

  const each = (name, change) => {
    for (const { view, kind, names } of views) {
      names.forEach((own, i) => {
        if (own === name) change(view.volumes[i], kind);
      });
      view.updateGLVolume();
    }
  };

  // -- projections: turned by slider or wheel, in the PET's own window -------------------------------------------
  let turns;
  const spare = document.createElement("canvas");
  function drawTurns() {
    if (!turns) return;
    const canvas = by("viewer-mip");
    const [count, rows, columns] = settings.turns.shape;
    const turn = Number(by("viewer-turn").value);
    const mirrored = turn >= count;
    const start = (turn % count) * rows * columns;
    spare.width = columns;
    spare.height = rows;
    const context = spare.getContext("2d");
    const picture = context.createImageData(columns, rows);
    const factor = settings.turns.ceiling / ceiling;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const from = start + row * columns + (mirrored ? columns - 1 - column : column);
        const grey = 255 - Math.min(255, turns[from] * factor);
        const to = 4 * (row * columns + column);
        picture.data[to] = picture.data[to + 1] = picture.data[to + 2] = grey;
        picture.data[to + 3] = 255;
      }
    }
    context.putImageData(picture, 0, 0);
    canvas.width = 2 * columns;
    canvas.height = Math.round((2 * rows * settings.turns.spacing[0]) / settings.turns.spacing[1]);
    const shown = canvas.getContext("2d");
    shown.imageSmoothingEnabled = true;
    shown.drawImage(spare, 0, 0, canvas.width, canvas.height);
    const height = rows * settings.turns.spacing[0];
    const down = ((settings.turns.top - where[2]) / height) * canvas.height;
    shown.strokeStyle = "#b36b00";
    shown.lineWidth = 1.5;
    shown.beginPath();
    shown.moveTo(0, down);
    shown.lineTo(canvas.width, down);
    shown.stroke();
  }

  // -- place: the same point in every picture, by pointer, wheel or slider ----------------------------------------
  let where = settings.point;
  const axes = ["sagittal", "coronal", "axial"]; // x, y, z of the crosshair
  function moved(from) {
    const at = from.scene.crosshairPos;
    axes.forEach((name, i) => {
      by(`viewer-${name}`).value = String(Math.round(1000 * at[i]));
    });
    where = Array.from(from.frac2mm(at)).slice(0, 3);
    for (const { view } of views) {
      if (view === from) continue;
      view.scene.crosshairPos = [...at];
      view.drawScene();
    }
    drawTurns();
  }

  function listen() {
    for (const { view } of views) view.onLocationChange = () => moved(view);
    axes.forEach((name, i) => {
      by(`viewer-${name}`).addEventListener("input", (event) => {
        const at = [...views[0].view.scene.crosshairPos];
        at[i] = Number(event.target.value) / 1000;
        views[0].view.scene.crosshairPos = at;
        views[0].view.drawScene();
        moved(views[0].view);
      });
    });
    by("viewer-turn")?.addEventListener("input", drawTurns);
    by("viewer-mip")?.addEventListener("wheel", (event) => {
      event.preventDefault();
      const slider = by("viewer-turn");
      const count = 2 * settings.turns.shape[0];
      slider.value = String((Number(slider.value) + (event.deltaY > 0 ? 1 : count - 1)) % count);
      drawTurns();
    }, { passive: false });
    by("viewer-window")?.addEventListener("change", (event) => {
      const [low, high] = event.target.value.split(",").map(Number);
      each("ct", (volume) => Object.assign(volume, { cal_min: low, cal_max: high }));
    });
    by("viewer-ceiling")?.addEventListener("input", (event) => {
      ceiling = Number(event.target.value);
      by("viewer-ceiling-value").textContent = event.target.value;
      each("pet", (volume, kind) => Object.assign(volume, { cal_min: kind === "fused" ? 0.04 * ceiling : 0, cal_max: ceiling }));
      drawTurns();
    });
    by("viewer-fusion")?.addEventListener("input", (event) => {
      opacity = Number(event.target.value) / 100;
      blend();
    });
    by("viewer-outline")?.addEventListener("change", outline);
    by("saliency-on")?.addEventListener("change", saliency);
  }

  function outline() {
    const on = by("viewer-outline")?.checked;
    for (const { view } of views) {
      view.drawRimOpacity = on ? 1 : 0;
      view.setDrawOpacity(on ? 0.01 : 0);
    }
  }

  // Under the overlay the fused picture is its CT alone: colours of uptake and of the map cannot be told apart.
  const covered = () => Boolean(by("saliency-on")?.checked && settings.saliency.fused);
  function blend() {
    each("pet", (volume, kind) => Object.assign(volume, { opacity: kind !== "fused" ? 1 : covered() ? 0 : opacity }));
  }
  function saliency() {
    const on = by("saliency-on")?.checked;
    each("saliency", (volume) => Object.assign(volume, { opacity: on ? 1 : 0 }));
    blend();
  }

  async function start() {
    const begun = performance.now();
    say("loading");
    try {
      if (typeof DecompressionStream === "undefined") throw new Error("browser");
      if (!document.createElement("canvas").getContext("webgl2")) throw new Error("webgl");
      await library();
      by("viewer-stage").hidden = false; // before the canvases are measured
      for (const canvas of root.querySelectorAll("canvas[data-view]")) await open(canvas);
      if (settings.turns) turns = await unpacked("turns");
      listen();
      outline();
      saliency();
      moved(views[0].view);
      say("ready");
      document.body.classList.add("viewing");
      root.dataset.milliseconds = String(Math.round(performance.now() - begun));
    } catch (error) {
      by("viewer-stage").hidden = true;
      views.length = 0;
      say(error.message === "library" ? "absent" : "impossible");
      root.dataset.reason = String(error.message).slice(0, 200);
    }
  }

  by("viewer-start").addEventListener("click", start, { once: true });
  say("waiting");
})();
