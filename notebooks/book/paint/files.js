// A reader's own pictures: chosen, dropped, pasted, or taken by the camera.

const MOST = 100e6; // bytes of a file

let count = 0;

/** A picture's file as the worker takes it, { key, blob, address, name, height, width }. Throws an Error for the reader. */
export async function opened(blob, name = blob.name ?? "picture") {
  if (blob.size > MOST) throw new Error(`${name} has ${Math.round(blob.size / 1e6)} MB; at most 100 MB are read.`);
  const address = URL.createObjectURL(blob), image = new Image();
  image.src = address;
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(address);
    throw new Error(`${name} is not a picture that your browser reads. JPEG, PNG and WebP work everywhere.`);
  }
  return { key: `own ${++count}`, blob, address, name: name.replace(/\.[^.]*$/, ""), height: image.naturalHeight, width: image.naturalWidth };
}

/** Calls taken(blob, where) for each picture that is dropped on the page or pasted; where: the element that it was dropped on. */
export function watch(taken) {
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!isFile(event)) return;
    event.preventDefault();
    taken(event.dataTransfer.files[0], event.target);
  });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (file) taken(file, null);
  });
}

/** The camera's picture, taken in a dialog; calls taken(blob).   failed: with an Error for the reader. */
export function camera({ button, dialog, video, shoot, close }, taken, failed) {
  if (!navigator.mediaDevices?.getUserMedia) return;
  button.hidden = false;
  button.onclick = async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      dialog.showModal();
    } catch {
      failed(new Error("The camera could not be opened: there is none, or this page may not use it."));
    }
  };
  close.onclick = () => dialog.close();
  dialog.onclose = () => video.srcObject?.getTracks().forEach((track) => track.stop());
  shoot.onclick = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob(taken, "image/png");
    dialog.close();
  };
}
