import { ref, type Ref } from 'vue'

/** State and moves of one video element. */
export function usePlayer(video: Ref<HTMLVideoElement | null>) {
  const playing = ref(false)
  const begun = ref(false)
  const muted = ref(true)
  const looping = ref(true)
  const position = ref(0)
  const length = ref(0)

  function toggle() {
    const element = video.value
    if (!element) return
    if (element.paused) void element.play().catch(() => undefined)
    else element.pause()
  }

  function toggleMute() {
    muted.value = !muted.value
    if (video.value) video.value.muted = muted.value
  }

  function seek(seconds: number) {
    if (video.value) video.value.currentTime = seconds
    position.value = seconds
  }

  function fullscreen() {
    void video.value?.requestFullscreen?.().catch(() => undefined)
  }

  const listeners = {
    play: () => {
      playing.value = true
      begun.value = true
    },
    pause: () => (playing.value = false),
    ended: () => (playing.value = false),
    timeupdate: () => (position.value = video.value?.currentTime ?? 0),
    loadedmetadata: () => {
      const seconds = video.value?.duration ?? 0
      length.value = Number.isFinite(seconds) ? seconds : 0
    },
  }

  return { playing, begun, muted, looping, position, length, toggle, toggleMute, seek, fullscreen, listeners }
}
