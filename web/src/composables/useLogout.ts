import { inject } from 'vue'
import { useRouter } from 'vue-router'
import { useSession } from '@/stores/session'
import { leavingKey } from './useLeaving'

export function useLogout() {
  const session = useSession()
  const router = useRouter()
  const leaving = inject(leavingKey, undefined)
  return async () => {
    await leaving?.done()
    await session.logout()
    await router.replace({ name: 'login' })
  }
}
