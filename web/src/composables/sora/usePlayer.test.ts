import { beforeEach, expect, it, vi } from 'vitest'
import { ref } from 'vue'
import { usePlayer } from './usePlayer'

let video: Partial<HTMLVideoElement> & { play: () => Promise<void>; pause: () => void }

beforeEach(() => {
  video = {
    paused: true,
    muted: true,
    currentTime: 0,
    duration: 10,
    play: vi.fn(async () => undefined),
    pause: vi.fn(),
  } as never
})

it('plays and pauses, and shows its controls from the first play on', () => {
  const player = usePlayer(ref(video as HTMLVideoElement))
  expect(player.begun.value).toBe(false)
  player.toggle()
  expect(video.play).toHaveBeenCalledOnce()
  player.listeners.play()
  expect([player.playing.value, player.begun.value]).toEqual([true, true])
  Object.assign(video, { paused: false })
  player.toggle()
  expect(video.pause).toHaveBeenCalledOnce()
  player.listeners.ended()
  expect([player.playing.value, player.begun.value]).toEqual([false, true])
})

it('knows where it is and how long the video is, also of one without an end', () => {
  const player = usePlayer(ref(video as HTMLVideoElement))
  player.listeners.loadedmetadata()
  player.seek(4)
  expect([player.length.value, player.position.value, video.currentTime]).toEqual([10, 4, 4])
  Object.assign(video, { duration: Number.POSITIVE_INFINITY })
  player.listeners.loadedmetadata()
  expect(player.length.value).toBe(0)
})

it('starts without sound, and does nothing before there is a video', () => {
  const player = usePlayer(ref(video as HTMLVideoElement))
  expect(player.muted.value).toBe(true)
  player.toggleMute()
  expect([player.muted.value, video.muted]).toEqual([false, false])
  const none = usePlayer(ref(null))
  none.toggle()
  none.seek(3)
  none.fullscreen()
  expect(none.playing.value).toBe(false)
})
